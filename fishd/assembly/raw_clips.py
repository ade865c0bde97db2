"""The job's raw clips: 16-bit mono WAV files as the workers wrote them, all at one sample rate."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.faults import AssemblyError, unusable
from fishd.core.transient_errors import is_transient

DEFAULT_SAMPLE_RATE = 24_000  # of a programme without a single clip


class RawClips:
    """Reads clips by their path below the folder. Raises AssemblyError for one that cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sample_rate: int | None = None  # the first clip's, which all others must have

    @property
    def sample_rate(self) -> int:
        return self._sample_rate or DEFAULT_SAMPLE_RATE

    def lengths(self, paths: Iterable[str | None]) -> list[int]:
        """In samples, as the headers say; 0 for None. The error names all clips that cannot be used."""
        lengths: list[int] = []
        faults: dict[str, str] = {}
        for path in paths:
            try:
                lengths.append(0 if path is None else self._length(path))
            except AssemblyError as error:
                faults |= error.clips
        if faults:
            raise unusable(faults)
        return lengths

    def read(self, path: str) -> NDArray[np.int16]:
        with self._opened(path) as clip:
            samples = np.frombuffer(clip.readframes(clip.getnframes()), "<i2")
            if len(samples) != clip.getnframes():
                raise unusable({path: "ends before its end; it was damaged after it was written"})
            return samples

    def _length(self, path: str) -> int:
        with self._opened(path) as clip:
            return clip.getnframes()

    def _opened(self, path: str) -> wave.Wave_read:
        try:
            clip = wave.open(str(self.folder / path), "rb")  # noqa: SIM115 - the caller's
        except FileNotFoundError as error:
            raise unusable({path: "is gone"}) from error
        except OSError as error:
            if is_transient(error):
                raise
            raise unusable({path: f"cannot be read: {error.strerror}"}) from error
        except (wave.Error, EOFError) as error:
            raise unusable({path: f"not a WAV file that can be read ({error})"}) from error
        fault = self._fault_of(clip)
        if fault:
            clip.close()
            raise unusable({path: fault})
        return clip

    def _fault_of(self, clip: wave.Wave_read) -> str:
        if clip.getnchannels() != 1 or clip.getsampwidth() != 2:
            return f"is {8 * clip.getsampwidth()}-bit with {clip.getnchannels()} channels, not 16-bit mono"
        self._sample_rate = self._sample_rate or clip.getframerate()
        if clip.getframerate() != self._sample_rate:
            return f"is at {clip.getframerate()} Hz, the clips before it at {self._sample_rate} Hz"
        return ""
