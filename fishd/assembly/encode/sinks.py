"""A sink for each format: it takes 16-bit mono samples and writes an audio file.

flac and wav are written by libsndfile and always available; opus, mp3 and m4b by FFmpeg's libraries.
Never write Vorbis by libsndfile: it crashes on long arrays.
"""

from __future__ import annotations

import importlib
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.encode.pcm import PCM_FORMATS, PcmSink
from fishd.assembly.encode.tags import NO_TAGS, Tags

CODED_FORMATS = ("opus", "mp3", "m4b")
CODED_OVERSHOOT_DB = 1.0  # opus up to 0.8, AAC 0.5, mp3 0.3, measured on speech that was limited heavily
FORMATS = PCM_FORMATS + CODED_FORMATS


class Sink(Protocol):
    """Raises OSError as the file does. `finish` writes what is left; the file stays open."""

    def write(self, samples: NDArray[np.int16]) -> None: ...

    def finish(self) -> None: ...


def open_sink(file: BinaryIO, suffix: str, sample_rate: int, length: int, tags: Tags = NO_TAGS) -> Sink:
    """A sink of `length` samples into a file that is readable and seekable. `suffix` is the format."""
    if suffix in PCM_FORMATS:
        return PcmSink(file, suffix, sample_rate, length, tags)
    from fishd.assembly.encode.coded import CodedSink

    return CodedSink(file, suffix, sample_rate, tags)


def missing_package(suffix: str) -> str | None:
    """What to install to write this format; None if it can be written."""
    if suffix not in CODED_FORMATS:
        return None
    try:
        importlib.import_module("av")
    except ImportError as error:
        return f"{suffix} needs PyAV ({error}): pip install 'fishd[formats]'"
    return None
