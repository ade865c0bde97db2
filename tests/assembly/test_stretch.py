"""The stretch: exactly as long as the plan says, and in step with the input all the way."""

from __future__ import annotations

import numpy as np
import pytest

from fishd.assembly.signal.stretch import stretched
from tests.assembly.sounds import at_rate, spoken


@pytest.mark.parametrize("rate", [24_000, 44_100])
@pytest.mark.parametrize("speed", [1.0001, 1.07, 1.25, 1.5])
def test_the_length_is_exact(rate: int, speed: float) -> None:
    """To the sample."""
    speech = at_rate(spoken(0), rate).astype(np.float32)
    length = round(len(speech) / speed)
    assert length == len(stretched(speech, rate, length))


def test_it_is_in_step_with_the_input() -> None:
    """Clicks come out within 2 ms of where the speed puts them, the first like the last."""
    clicks = np.zeros(48_000, np.float32)
    places = (3_000, 12_000, 24_000, 40_000, 46_000)
    burst = np.random.default_rng(0).standard_normal(200) * np.hanning(200) * 8_000
    for place in places:
        clicks[place : place + 200] = burst
    out = stretched(clicks, 24_000, 38_400)
    energy = np.convolve(out**2, np.ones(200), "same")
    for place in places:
        expected = round((place + 100) / 1.25)
        found = expected - 500 + int(np.argmax(energy[expected - 500 : expected + 500]))
        assert found == pytest.approx(expected, abs=48)


def test_the_same_line_always_sounds_the_same() -> None:
    """A second assembly gives the same bytes."""
    speech = spoken(1).astype(np.float32)
    assert np.array_equal(stretched(speech, 24_000, 70_000), stretched(speech, 24_000, 70_000))


@pytest.mark.parametrize("sentence", range(4))
def test_a_loud_line_is_as_loud_as_before(sentence: int) -> None:
    """Within a quarter of a decibel, up to full scale."""
    speech = spoken(sentence).astype(np.float32)
    speech *= 32_000 / np.abs(speech).max()
    out = stretched(speech, 24_000, round(len(speech) / 1.25))
    assert 0.0 == pytest.approx(10 * np.log10(np.mean(out**2) / np.mean(speech**2)), abs=0.25)


def test_a_very_short_line_is_stretched_too() -> None:
    """Shorter than one of the stretcher's blocks."""
    assert 960 == len(stretched(spoken(0)[:1_200].astype(np.float32), 24_000, 960))
