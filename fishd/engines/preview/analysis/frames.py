"""Frames: what the converter knows of a stretch of speech, the stock voice's or a reference's.

Levels are taken out here, so that a loud clip and a quiet one of one voice give the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishd.engines.preview.analysis.mel_bands import Array, cepstra, log_bands, smooth

Mask = NDArray[np.bool_]

SILENCE_DB = 35.0  # below the loud frames' level


@dataclass(frozen=True, slots=True)
class Frames:
    """`ceps` [n, 64], of spectra scaled to an active power of 1; `pitch` [n] in Hz, 0 where unvoiced."""

    ceps: Array
    pitch: Array
    active: Mask

    @property
    def voiced(self) -> Mask:
        return self.active & (self.pitch > 0)

    @property
    def unvoiced(self) -> Mask:
        return self.active & (self.pitch <= 0)

    def speech(self) -> slice:
        """From the first active frame to the last."""
        (at,) = np.nonzero(self.active)
        return slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0)


def frames_of(power: Array, pitch: Array, hop_s: float, warp: float = 1.0) -> Frames:
    """Frames of power spectra [n, bins] that are `hop_s` seconds apart."""
    active = find_active(power, hop_s)
    return Frames(cepstra(log_bands(power / active_power(power, active), warp)), pitch, active)


def join(parts: list[Frames]) -> Frames:
    """Stretches, one after the other."""
    return Frames(
        np.concatenate([p.ceps for p in parts]),
        np.concatenate([p.pitch for p in parts]),
        np.concatenate([p.active for p in parts]),
    )


def find_active(power: Array, hop_s: float) -> Mask:
    """Frames that hold speech: those less than 35 dB below the loud ones."""
    level_db = 10 * np.log10(power.mean(1) + 1e-12)
    level_db = smooth(level_db, 0.01 / hop_s)
    return level_db > np.percentile(level_db, 95) - SILENCE_DB


def active_power(power: Array, active: Mask) -> float:
    """The mean over active frames of a frame's whole power; never 0."""
    return float(power[active].sum(1).mean()) + 1e-12


def pitch_range(pitch: Array) -> tuple[float, float]:
    """Median and spread (half the middle 68 %) of log pitch [n], octave errors left out. Needs a frame."""
    log = np.log(pitch)
    near = log[np.abs(log - np.median(log)) < 0.55]
    low, high = np.percentile(near, [16, 84])
    return float(np.median(near)), max(0.06, float(high - low) / 2)
