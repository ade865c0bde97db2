"""wav and flac of 16 bits, and Ogg Vorbis, by libsndfile."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from fishd.assembly.encode.tags import Tags

SUBTYPES = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS"}
_LONGEST_VORBIS = 4096  # samples of one call: libsndfile crashes on longer arrays
_LONGEST_WAV = 1 << 31  # samples of 16 bits in 4 GiB; RF64 is WAV with 64-bit lengths
_HEADER_SAMPLES = 1 << 15


class SoundFileSink:
    """Writes a file of `length` samples."""

    def __init__(self, file: BinaryIO, suffix: str, sample_rate: int, length: int, tags: Tags) -> None:
        kind = "RF64" if suffix == "wav" and length > _LONGEST_WAV - _HEADER_SAMPLES else suffix.upper()
        self._file = _ErrorKeeper(file)
        self._longest = _LONGEST_VORBIS if SUBTYPES[suffix] == "VORBIS" else max(1, length)
        self._sound = soundfile.SoundFile(
            cast("Any", self._file), "w", sample_rate, channels=1, subtype=SUBTYPES[suffix], format=kind
        )
        for name, text in (("title", tags.title), ("artist", tags.author)):
            if text:
                setattr(self._sound, name, text)

    def write(self, samples: NDArray[np.int16]) -> None:
        with self._file.errors_raised():
            for at in range(0, len(samples), self._longest):
                self._sound.write(samples[at : at + self._longest])

    def finish(self) -> None:
        with self._file.errors_raised():
            self._sound.close()


class _ErrorKeeper:
    """A file for libsndfile, whose callbacks cannot raise: the first error is kept, and raised afterwards."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None

    @contextmanager
    def errors_raised(self) -> Generator[None]:
        try:
            yield
        finally:
            if self._error is not None:
                raise self._error

    def write(self, content: bytes) -> int:
        try:
            self._file.write(content)
        except OSError as error:
            self._error = self._error or error
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            self._error = self._error or error
            return 0

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        return self._file.read(size)
