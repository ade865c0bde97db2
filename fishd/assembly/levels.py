"""Each speaker's loudness over all clips, and the one gain that all of them get."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.signal.decibels import FULL_SCALE, ratio
from fishd.assembly.signal.limiter import limited
from fishd.assembly.signal.loudness import Measurement
from fishd.core.delivery.levels import speaker_level
from fishd.wire.assembly import SpeakerLevel

_MOST_MAKEUP_LU = 4.0  # past that a limiter does more harm than a quieter speaker
_MAKEUP_ROUNDS = 6  # each leaves less than half of the error
_CLOSE_ENOUGH_LU = 0.03
_BELOW_TRACKS = 0.995  # -0.04 dB, so that the tracks' limiter leaves a lone line alone

NOT_LEVELLED = SpeakerLevel(None, None, 0.0)


def level_of(measured: Measurement, target_lufs: float, ceiling_dbtp: float) -> SpeakerLevel:
    """The gain to the target, and as much more as the limiter takes away again."""
    loudness = measured.loudness
    level = speaker_level(loudness, target_lufs, ceiling_dbtp)
    gain_db = level.gain
    if level.limiting > 0:
        for _ in range(_MAKEUP_ROUNDS):
            before, loss = gain_db, measured.limiter_loss_lu(ratio(gain_db), magnitude(ceiling_dbtp))
            gain_db = level.gain + min(loss, _MOST_MAKEUP_LU)
            if abs(gain_db - before) < _CLOSE_ENOUGH_LU:
                break
    return SpeakerLevel(_finite(loudness.lufs), _finite(loudness.peak), gain_db)


def levelled(
    samples: NDArray[np.int16], level: SpeakerLevel, sample_rate: int, ceiling_dbtp: float
) -> NDArray[np.int16]:
    """A clip with the gain and its true peaks below the ceiling; the same samples where there is no gain."""
    if not level.gain_db:
        return samples
    scaled = samples * np.float32(ratio(level.gain_db))
    return to_16_bit(limited(scaled, sample_rate, magnitude(ceiling_dbtp) * _BELOW_TRACKS))


def magnitude(dbfs: float) -> float:
    """In 16-bit samples."""
    return FULL_SCALE * ratio(dbfs)


def to_16_bit(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Rounded, without dither: speech brings more noise of its own, and silence stays silent."""
    return np.rint(samples).astype(np.int16)


def _finite(level: float) -> float | None:
    return level if math.isfinite(level) else None
