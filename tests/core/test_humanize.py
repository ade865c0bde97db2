"""Numbers as text for people."""

from __future__ import annotations

import pytest

from fishd.core.text.humanize import clock, count, duration, time_left, times_real_time, utc_time


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (134.2, "2 min 14 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (11_000, "3 h 03 min"),
        (200_000, "2 d 7 h"),
        (-1, "0.0 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """The longer, the coarser; never negative."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (11.6, "12 s"), (59.6, "1 min 00 s"), (-3, "0 s")]
)
def test_the_time_left_has_no_tenths(seconds: float, text: str) -> None:
    """As it is an estimate."""
    assert time_left(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(12, "00:12"), (725, "12:05"), (3723, "1:02:03"), (-1, "00:00")]
)
def test_clock_times(seconds: float, text: str) -> None:
    """Hours only where there are some."""
    assert clock(seconds) == text


def test_counts() -> None:
    """Singular, plural and thousands."""
    assert [count(n, "segment") for n in (0, 1, 46, 20_000)] == [
        "0 segments",
        "1 segment",
        "46 segments",
        "20,000 segments",
    ]


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (23.44, "23.4 × real time: an hour of speech takes 2 min 34 s"),
        (0.5, "0.5 × real time: an hour of speech takes 2 h 00 min"),
        (0, "no speech was made"),
    ],
)
def test_speed_against_real_time(rate: float, text: str) -> None:
    """With the time that an hour of speech takes."""
    assert times_real_time(rate) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("2026-11-22T15:12:14.440Z", "2026-11-22 15:12:14 UTC"),
        ("2026-11-22T17:12:14+02:00", "2026-11-22 15:12:14 UTC"),
        ("soon", "soon"),
    ],
)
def test_utc_times(at: str, text: str) -> None:
    """Without fractions, converted to UTC; any other text is unchanged."""
    assert utc_time(at) == text
