"""The limiter: the ceiling holds between the samples too, and nothing else is changed."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fishd.assembly.signal.limiter import Limiter, limited
from tests.assembly.sounds import at_rate, babble, sine, spoken

CEILING = 20_000.0


def true_peak(samples: NDArray[np.float32], rate: int) -> float:
    """By another interpolator than the limiter's: 8x oversampling by soxr."""
    return float(np.abs(soxr.resample(samples, rate, rate * 8, quality="VHQ")).max())


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_the_ceiling_holds(rate: int) -> None:
    """For speech that is 10 dB above it, at every rate."""
    speech = at_rate(np.concatenate([spoken(n) // 2 for n in range(4)]), rate).astype(np.float32)
    speech *= 3.16 * CEILING / true_peak(speech, rate)
    assert true_peak(limited(speech, rate, CEILING), rate) <= CEILING


def test_noise_exceeds_the_ceiling_by_less_than_half_a_decibel() -> None:
    """White noise is the worst: all of its peaks lie between the samples."""
    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * 12_000
    assert true_peak(limited(noise.copy(), 24_000, CEILING), 24_000) <= CEILING * 1.06


def test_what_is_quiet_enough_is_not_touched() -> None:
    """Sample by sample the same, and so is what is more than 30 ms from a peak."""
    quiet = np.float32(0.3) * spoken(0)
    assert np.array_equal(quiet, limited(quiet.copy(), 24_000, CEILING))
    with_click = quiet.copy()
    with_click[30_000] = 32_000.0
    out = limited(with_click.copy(), 24_000, CEILING)
    changed = np.flatnonzero(out != with_click)
    assert changed.min() > 30_000 - 720
    assert changed.max() < 30_000 + 720


def test_as_many_samples_come_out_in_their_places() -> None:
    """No delay: a peak is turned down where it is."""
    samples = np.zeros(5_000, np.float32)
    samples[[0, 2_345, 4_999]] = 30_000.0
    out = limited(samples.copy(), 24_000, CEILING)
    assert len(samples) == len(out)
    assert [0, 2_345, 4_999] == list(np.flatnonzero(out))


def test_a_loud_tone_stays_a_tone() -> None:
    """The gain does not follow the wave: 6 dB of limiting distort a deep tone by less than 0.1 %."""
    tone = sine(100, 0.9, 2.0).astype(np.float32) * 1.36
    spectrum = np.abs(np.fft.rfft(limited(tone, 24_000, CEILING)[12_000:36_000] * np.hanning(24_000)))
    others = np.concatenate((spectrum[:90], spectrum[110:]))
    assert np.sqrt((others**2).sum() / (spectrum**2).sum()) < 1e-3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=40))
def test_pieces_make_no_difference(lengths: list[int]) -> None:
    """The same samples, however they are cut."""
    whole = np.float32(3.0) * babble(sum(lengths) / 24_000 + 0.001)[: sum(lengths)]
    limiter = Limiter(24_000, CEILING)
    out = [limiter.push(piece) for piece in np.split(whole, np.cumsum(lengths)[:-1])]
    out.append(limiter.finish())
    expected = limited(whole.copy(), 24_000, CEILING)
    assert np.allclose(expected, np.concatenate(out), rtol=1e-5)
