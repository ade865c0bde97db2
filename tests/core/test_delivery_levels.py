"""One gain for a speaker: decibels in, decibels out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.delivery.levels import Level, Loudness, speaker_level, speaker_loudness

SILENCE = Loudness(-math.inf, -math.inf, 1.0)


def test_a_quiet_speaker_is_raised_to_the_target() -> None:
    """Peaks stay under the ceiling: no limiter."""
    assert Level(gain=8.0, limiting=0.0) == speaker_level(Loudness(-24.0, -10.0, 60.0), -16.0, -1.0)


def test_a_loud_speaker_is_lowered_to_the_target() -> None:
    """So are peaks over full scale."""
    assert Level(gain=-6.0, limiting=0.0) == speaker_level(Loudness(-10.0, 0.5, 60.0), -16.0, -1.0)


def test_the_ceiling_costs_limiting_not_loudness() -> None:
    """8 dB more bring a peak of -4 dBTP to 4: 5 dB over the ceiling."""
    assert Level(gain=8.0, limiting=5.0) == speaker_level(Loudness(-24.0, -4.0, 60.0), -16.0, -1.0)


@pytest.mark.parametrize("lufs", [-math.inf, -70.0, -90.0, math.nan])
def test_silence_is_not_raised(lufs: float) -> None:
    """Nor is a speaker whose loudness could not be measured."""
    assert Level(0.0, 0.0) == speaker_level(Loudness(lufs, -1.0, 1.0), -16.0, -1.0)


def test_without_a_target_clips_stay_as_they_are() -> None:
    """Even above the ceiling: "off" means off."""
    assert Level(0.0, 0.0) == speaker_level(Loudness(-10.0, 0.5, 60.0), None, -1.0)


def test_a_speaker_is_as_loud_as_all_clips_together() -> None:
    """Power by duration: 3 s at -20 and 1 s at -26 LUFS; the loudest peak counts."""
    measured = speaker_loudness([Loudness(-20.0, -3.0, 3.0), Loudness(-26.0, -9.0, 1.0)])

    assert (-20.9, -3.0, 4.0) == (round(measured.lufs, 3), measured.peak, measured.duration_s)


def test_a_whisper_and_silence_do_not_make_a_speaker_louder() -> None:
    """Clips 10 LU below the rest, and silent ones, do not count."""
    clips = [Loudness(-20.0, -3.0, 5.0), Loudness(-45.0, -30.0, 5.0), SILENCE]

    assert -20.0 == pytest.approx(speaker_loudness(clips).lufs)


def test_a_speaker_whose_every_clip_is_silent_is_silent() -> None:
    """So is one without clips."""
    assert -math.inf == speaker_loudness([SILENCE, SILENCE]).lufs
    assert Loudness(-math.inf, -math.inf, 0) == speaker_loudness([])


@given(st.floats(-69.9, 0.0), st.floats(-60.0, 6.0), st.floats(-40.0, -5.0), st.floats(-9.0, 0.0))
def test_after_gain_and_limiting_the_target_and_the_ceiling_are_kept(
    lufs: float, peak: float, target: float, ceiling: float
) -> None:
    """Whatever was measured."""
    level = speaker_level(Loudness(lufs, peak, 1.0), target, ceiling)

    assert target == pytest.approx(lufs + level.gain)
    assert peak + level.gain - level.limiting <= ceiling + 1e-9
    assert level.limiting >= 0
