"""What a worker says of its memory."""

from __future__ import annotations

import pytest

from fishd.worker.memory import memory_gb, needs_gb, peak_gb


def test_the_peak_is_never_below_what_is_held() -> None:
    """Of the process, on a CPU."""
    held = memory_gb("cpu")
    assert held is not None
    assert 0 < held <= peak_gb("cpu") * 1.01


def test_an_engine_may_know_better() -> None:
    """It offers `peak_gb`."""
    engine = type("Engine", (), {"peak_gb": 3.5})()
    assert 3.5 == peak_gb("cuda:0", engine)


@pytest.mark.parametrize(
    ("said", "gb"),
    [
        ("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has …", 2.5),
        ("out of memory again, with 4 slots (CUDA out of memory. Tried to allocate 512.00 MiB.)", 0.5),
        ("no room", 0.0),
    ],
)
def test_what_was_asked_for_in_vain_counts(said: str, gb: float) -> None:
    """torch says how much it was, also inside another message."""
    assert peak_gb("cpu") + gb == pytest.approx(needs_gb("cpu", RuntimeError(said)), rel=0.05)
