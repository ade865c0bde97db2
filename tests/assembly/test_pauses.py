"""Pauses give way first: no word is touched while they can still be shortened."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fishd.assembly.signal.pauses import with_shorter_pauses
from fishd.assembly.signal.stretch import fitted
from tests.assembly.sounds import spoken

RATE = 24_000
NOISE = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
WORD = np.float32(6_000.0) * NOISE
PAUSE = np.float32(20.0) * NOISE[: RATE // 2]
LINE = np.concatenate((PAUSE, WORD, PAUSE, WORD, PAUSE))  # 3.5 s, of which 1.5 s are pauses


@pytest.mark.parametrize("taken", [1, 7, 2_400, 17_999, 18_000])
def test_pauses_are_shortened_by_what_is_needed(taken: int) -> None:
    """To the sample, and both words are still there, unchanged."""
    shorter = with_shorter_pauses(LINE, RATE, len(LINE) - taken)
    assert len(LINE) - taken == len(shorter)
    assert 2 == _count(shorter, WORD)


def test_no_pause_loses_more_than_half() -> None:
    """What is still missing is for the stretch."""
    shorter = with_shorter_pauses(LINE, RATE, RATE)
    assert len(LINE) - 18_000 == len(shorter)
    assert RATE == len(fitted(LINE, RATE, RATE))


def test_a_cut_is_not_heard() -> None:
    """No sample jumps by more than the pause's own noise does."""
    shorter = with_shorter_pauses(LINE, RATE, len(LINE) - 10_000)
    assert np.abs(np.diff(shorter)).max() <= np.abs(np.diff(LINE)).max()


@pytest.mark.parametrize("line", [WORD, WORD[:100], np.zeros(0, np.float32), np.tile(WORD[:1_200], 3)])
def test_a_line_without_pauses_is_left_to_the_stretch(line: NDArray[np.float32]) -> None:
    """And so is one that is hardly longer than nothing."""
    assert np.array_equal(line, with_shorter_pauses(line, RATE, len(line) // 2))


def test_a_line_that_fits_is_not_touched() -> None:
    """The same samples for the same length."""
    speech = spoken(0).astype(np.float32)
    assert np.array_equal(speech, fitted(speech, RATE, len(speech)))


def test_a_little_speed_comes_from_the_pauses_alone() -> None:
    """A spoken sentence at 1.1 times its speed: every word as it was."""
    speech = spoken(2).astype(np.float32)
    length = round(len(speech) / 1.1)
    assert length == len(with_shorter_pauses(speech, RATE, length))


def _count(line: NDArray[np.float32], word: NDArray[np.float32]) -> int:
    """How often the word is in the line, sample by sample; its edges may have faded."""
    middle = word[600:-600]
    starts = np.flatnonzero(np.correlate(line, middle, "valid") >= 0.999 * (middle @ middle))
    return sum(np.array_equal(middle, line[start : start + len(middle)]) for start in starts)
