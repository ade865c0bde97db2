"""The job's raw clips: 16-bit mono WAV files as the workers wrote them, all at one sample rate."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.faults import AssemblyError

DEFAULT_SAMPLE_RATE = 24_000  # of a programme without a single clip


class RawClips:
    """Reads clips by their path below the folder. Raises AssemblyError for one that cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sample_rate: int | None = None  # the first clip's, which all others must have

    @property
    def sample_rate(self) -> int:
        return self._sample_rate or DEFAULT_SAMPLE_RATE

    def length(self, path: str) -> int:
        """In samples, as its header says."""
        with self._opened(path) as clip:
            return clip.getnframes()

    def read(self, path: str) -> NDArray[np.int16]:
        with self._opened(path) as clip:
            samples = np.frombuffer(clip.readframes(clip.getnframes()), "<i2")
            if len(samples) != clip.getnframes():
                raise AssemblyError("clip", path, "ends before its end; it was damaged after it was written")
            return samples

    def _opened(self, path: str) -> wave.Wave_read:
        try:
            clip = wave.open(str(self.folder / path), "rb")  # noqa: SIM115 - the caller's
        except FileNotFoundError as error:
            raise AssemblyError("clip", path, "is gone") from error
        except (wave.Error, EOFError) as error:
            raise AssemblyError("clip", path, f"not a WAV file that can be read ({error})") from error
        fault = self._fault_of(clip)
        if fault:
            clip.close()
            raise AssemblyError("clip", path, fault)
        return clip

    def _fault_of(self, clip: wave.Wave_read) -> str:
        if clip.getnchannels() != 1 or clip.getsampwidth() != 2:
            return f"is {8 * clip.getsampwidth()}-bit with {clip.getnchannels()} channels, not 16-bit mono"
        self._sample_rate = self._sample_rate or clip.getframerate()
        if clip.getframerate() != self._sample_rate:
            return f"is at {clip.getframerate()} Hz, the clips before it at {self._sample_rate} Hz"
        return ""
