"""How much louder each speaker has to be: one gain for all of a speaker's clips, so that a whisper stays one.

Loudness is integrated loudness after ITU-R BS.1770-4 in LUFS, peaks are true peaks in dBTP.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ABSOLUTE_GATE = -70.0  # LUFS; what is quieter is silence
_RELATIVE_GATE = -10.0  # LU below the mean of what is not silence


@dataclass(frozen=True, slots=True)
class Loudness:
    """What was measured of a clip, or of a speaker; silence is -inf LUFS."""

    lufs: float
    peak: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Level:
    """What to do with a speaker's clips.

    `gain` is in dB. `limiting` is how many dB of the loudest peak a limiter then has to take off to keep the
    ceiling; 0: none is needed.
    """

    gain: float
    limiting: float


def speaker_loudness(clips: Sequence[Loudness]) -> Loudness:
    """A speaker's loudness over all clips, without reading them again.

    Their mean power by duration, gated as BS.1770 gates its blocks: without silence, and without clips that
    are 10 LU below the mean of the rest.
    """
    peak = max((clip.peak for clip in clips), default=-math.inf)
    duration_s = sum(clip.duration_s for clip in clips)
    heard = [clip for clip in clips if clip.lufs > _ABSOLUTE_GATE]
    gate = _mean_lufs(heard) + _RELATIVE_GATE
    return Loudness(_mean_lufs([clip for clip in heard if clip.lufs > gate]), peak, duration_s)


def speaker_level(measured: Loudness, target_lufs: float | None, ceiling: float) -> Level:
    """The level that brings a speaker to the target. A peak never reduces the gain: the limiter handles it.

    Without a target ("off"), and for silence, clips stay as they are.
    """
    if target_lufs is None or not measured.lufs > _ABSOLUTE_GATE:
        return Level(0.0, 0.0)
    gain = target_lufs - measured.lufs
    return Level(gain, max(0.0, measured.peak + gain - ceiling))


def _mean_lufs(clips: Sequence[Loudness]) -> float:
    power = sum(clip.duration_s * 10 ** (clip.lufs / 10) for clip in clips)
    duration_s = sum(clip.duration_s for clip in clips)
    return 10 * math.log10(power / duration_s) if power > 0 else -math.inf
