"""Clips as the models want them: mono, 16 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
LONGEST_S = 300.0  # of one clip; more is not listened to

Samples = NDArray[np.float32]


def read_clip(path: Path) -> Samples:
    """Raises OSError for what cannot be opened or decoded."""
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            samples = file.read(int(LONGEST_S * rate), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise OSError(f"{path.name}: {error.error_string}") from error
    mono = samples.mean(axis=1)
    return np.asarray(soxr.resample(mono, rate, SAMPLE_RATE), np.float32) if rate != SAMPLE_RATE else mono
