"""How many CPU cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishd.host.cores import usable_cores

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", HERE), ("100000 100000", 1), ("50000 100000", 1), ("99900000 100000", HERE), ("?", HERE)],
)
def test_a_containers_cpu_quota_counts(tmp_path: Path, quota: str, cores: int) -> None:
    """One core's time on a machine of 64 is one core; without a valid quota all of them count."""
    path = tmp_path / "cpu.max"
    path.write_text(quota)

    assert cores == usable_cores(path)


def test_without_cgroups_the_affinity_counts(tmp_path: Path) -> None:
    """The file may be missing."""
    assert HERE == usable_cores(tmp_path / "cpu.max")
