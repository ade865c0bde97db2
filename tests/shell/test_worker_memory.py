"""The memory that a worker uses, and that it would have needed."""

from __future__ import annotations

import pytest

from fishd.worker.memory import memory_gb, needs_gb, peak_gb


def test_the_peak_is_not_below_the_memory_in_use() -> None:
    """The process runs on the CPU."""
    used = memory_gb("cpu")
    assert used is not None
    assert 0 < used <= peak_gb("cpu") * 1.01


def test_an_engine_may_report_its_own_peak() -> None:
    """Its attribute is `peak_gb`."""
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
def test_the_allocation_that_failed_is_added_to_the_peak(message: str, gb: float) -> None:
    """Its size is in torch's message, also inside another message."""
    assert peak_gb("cpu") + gb == pytest.approx(needs_gb("cpu", RuntimeError(message)), rel=0.05)
