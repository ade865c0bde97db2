"""The number of CPU cores that this process may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishd.host.cores import usable_cores

AFFINITY = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", AFFINITY),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("99900000 100000", AFFINITY),
        ("?", AFFINITY),
    ],
)
def test_a_cpu_quota_limits_the_cores(tmp_path: Path, quota: str, cores: int) -> None:
    """It is rounded up; without a valid quota the affinity is the limit."""
    path = tmp_path / "cpu.max"
    path.write_text(quota)

    assert cores == usable_cores(path)


def test_without_cgroups_the_affinity_limits_the_cores(tmp_path: Path) -> None:
    """cpu.max is missing."""
    assert AFFINITY == usable_cores(tmp_path / "cpu.max")
