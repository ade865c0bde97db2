"""A sink for each format: it takes 16-bit mono samples and writes an audio file.

wav, flac and ogg (Vorbis) are written by libsndfile and always available; opus, mp3 and m4b by FFmpeg's
libraries.
"""

from __future__ import annotations

import importlib
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.encode.sound_file import SUBTYPES, SoundFileSink
from fishd.assembly.encode.tags import NO_TAGS, Tags

FFMPEG_FORMATS = ("opus", "mp3", "m4b")
LOSSY_FORMATS = ("ogg", *FFMPEG_FORMATS)
LOSSY_OVERSHOOT_DB = 1.0  # opus up to 0.8, AAC 0.5, mp3 0.3, measured on speech that was limited heavily
FORMATS = (*SUBTYPES, *FFMPEG_FORMATS)


class Sink(Protocol):
    """Raises OSError as the file does. `finish` writes what is left; the file stays open."""

    def write(self, samples: NDArray[np.int16]) -> None: ...

    def finish(self) -> None: ...


def open_sink(file: BinaryIO, suffix: str, sample_rate: int, length: int, tags: Tags = NO_TAGS) -> Sink:
    """A sink of `length` samples into a file that is readable and seekable. `suffix` is the format."""
    if suffix in SUBTYPES:
        return SoundFileSink(file, suffix, sample_rate, length, tags)
    from fishd.assembly.encode.coded import CodedSink

    return CodedSink(file, suffix, sample_rate, tags)


def missing_package(suffix: str) -> str | None:
    """What to install to write this format; None if it can be written."""
    if suffix not in FFMPEG_FORMATS:
        return None
    try:
        importlib.import_module("av")
    except ImportError as error:
        return f"{suffix} needs PyAV ({error}): pip install 'fishd[formats]'"
    return None
