"""The loudness meter: BS.1770-4 as pyloudnorm measures it, whatever the pieces and the rate."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from fishd.assembly.signal.decibels import FULL_SCALE, ratio
from fishd.assembly.signal.limiter import limited
from fishd.assembly.signal.loudness import LoudnessMeter, Measurement
from tests.assembly.sounds import at_rate, babble, sine, spoken, to_16_bit


def measured(*clips: NDArray[np.int16], rate: int = 24_000) -> Measurement:
    meter = LoudnessMeter(rate)
    for clip in clips:
        meter.add(clip)
    return meter.finish()


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100, 48_000])
def test_speech_is_as_loud_as_pyloudnorm_says(rate: int) -> None:
    """Within 0.05 LU at every rate that engines have."""
    speech = at_rate(np.concatenate([spoken(n) for n in range(4)]), rate)
    expected = pyloudnorm.Meter(rate).integrated_loudness(speech / FULL_SCALE)
    assert measured(speech, rate=rate).loudness.lufs == pytest.approx(expected, abs=0.05)


def test_a_full_scale_sine_is_three_below_zero() -> None:
    """0 dBFS at 997 Hz is -3.01 LUFS in one channel, by the standard's own definition."""
    assert measured(sine(997, 1.0, 10)).loudness.lufs == pytest.approx(-3.01, abs=0.03)


def test_silence_between_lines_does_not_count() -> None:
    """The gates leave out pauses: a speaker who pauses more is not louder for it."""
    speech = spoken(0)
    pauses = np.zeros(24_000 * 20, np.int16)
    alone, with_pauses = measured(speech, speech), measured(speech, pauses, speech)
    assert with_pauses.loudness.lufs == pytest.approx(alone.loudness.lufs, abs=0.2)


def test_clips_are_measured_as_one() -> None:
    """However short the pieces, the loudness is that of all of them in a row."""
    speech = babble(20)
    pieces = np.array_split(speech, 173)
    assert measured(*pieces).loudness.lufs == pytest.approx(measured(speech).loudness.lufs, abs=1e-4)
    assert measured(*pieces).loudness.duration_s == pytest.approx(20.0)


@pytest.mark.parametrize("clip", [np.zeros(48_000, np.int16), spoken(0)[:9_000], np.zeros(0, np.int16)])
def test_silence_and_what_is_too_short_has_no_loudness(clip: NDArray[np.int16]) -> None:
    """-inf, not an error: such a speaker is left as he is."""
    assert measured(clip).loudness.lufs == -math.inf


def test_a_peak_between_the_samples_is_found() -> None:
    """A sine at a quarter of the rate whose samples miss its peaks by 3 dB."""
    n = np.arange(4_800)
    inner = to_16_bit(0.5 * np.sin(np.pi / 2 * n + np.pi / 4))
    assert measured(inner).loudness.peak == pytest.approx(-6.02, abs=0.3)


def test_what_a_limiter_takes_away_is_foreseen() -> None:
    """Within 0.1 LU of what is measured after it has been at work."""
    speech = np.concatenate([spoken(n) for n in range(4)])
    before = measured(speech)
    gain, ceiling = ratio(-12.0 - before.loudness.lufs), FULL_SCALE * ratio(-1.0)
    after = measured(limited(speech * np.float32(gain), 24_000, ceiling).astype(np.int16))
    loss = before.loudness.lufs + 20 * math.log10(gain) - after.loudness.lufs
    assert loss > 0.3
    assert before.limiter_loss_lu(gain, ceiling) == pytest.approx(loss, abs=0.1)
