"""wav and flac of 16 bits, and Ogg Vorbis, by libsndfile."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from fishd.assembly.encode.tags import Tags

SUBTYPES = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS"}
_LONGEST_VORBIS = 4096  # samples of one call: libsndfile crashes on longer arrays
_LONGEST_WAV = 1 << 31  # samples of 16 bits in 4 GiB; RF64 is WAV with 64-bit lengths
_HEADER_SAMPLES = 1 << 15
_ROOM = 1 << 16  # bytes; a disk without them is full


class SoundFileSink:
    """Writes a file of `length` samples."""

    def __init__(self, file: BinaryIO, suffix: str, sample_rate: int, length: int, tags: Tags) -> None:
        kind = "RF64" if suffix == "wav" and length > _LONGEST_WAV - _HEADER_SAMPLES else suffix.upper()
        self._file = file
        self._longest = _LONGEST_VORBIS if SUBTYPES[suffix] == "VORBIS" else max(1, length)
        self._sound = soundfile.SoundFile(
            _target(file),
            "w",
            sample_rate,
            channels=1,
            subtype=SUBTYPES[suffix],
            format=kind,
            closefd=False,
        )
        for name, text in (("title", tags.title), ("artist", tags.author)):
            if text:
                setattr(self._sound, name, text)

    def write(self, samples: NDArray[np.int16]) -> None:
        with self._disk_errors():
            for at in range(0, len(samples), self._longest):
                self._sound.write(samples[at : at + self._longest])

    def finish(self) -> None:
        """Read the last sample too: libsndfile reports no error when it closes a file."""
        length = self._sound.frames
        self._sound.close()
        self._file.seek(0)
        with self._disk_errors(), soundfile.SoundFile(_target(self._file), closefd=False) as written:
            written.seek(max(0, length - 1))
            written.read(1)

    @contextmanager
    def _disk_errors(self) -> Generator[None]:
        """Which error libsndfile has met, it does not tell: a disk that is full now was full then."""
        try:
            yield
        except soundfile.LibsndfileError as error:
            size = os.fstat(self._file.fileno()).st_size
            os.posix_fallocate(self._file.fileno(), size, _ROOM)
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from error


def _target(file: BinaryIO) -> Any:
    """A descriptor, which libsndfile writes to without Python and its lock; memory has none."""
    return file if isinstance(file, BytesIO) else file.fileno()
