"""A worker knows how much memory it uses, and how much it would have needed."""

from __future__ import annotations

import pytest

from fishd.worker.memory import memory_gb, needs_gb, peak_gb


def test_the_peak_is_never_below_what_is_held() -> None:
    """Of the process, on a CPU."""
    held = memory_gb("cpu")
    assert held is not None
    assert 0 < held <= peak_gb("cpu") * 1.01


def test_an_engine_may_know_its_own_peak() -> None:
    """It offers `peak_gb`."""
    engine = type("Engine", (), {"peak_gb": 3.5})()
    assert 3.5 == peak_gb("cuda:0", engine)


@pytest.mark.parametrize(
    ("message", "gb"),
    [
        ("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has …", 2.5),
        ("out of memory again, with 4 slots (CUDA out of memory. Tried to allocate 512.00 MiB.)", 0.5),
        ("no room", 0.0),
    ],
)
def test_the_allocation_that_failed_counts(message: str, gb: float) -> None:
    """torch's message says how much it was, also inside another message."""
    assert peak_gb("cpu") + gb == pytest.approx(needs_gb("cpu", RuntimeError(message)), rel=0.05)
