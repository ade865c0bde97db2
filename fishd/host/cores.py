"""The number of CPU cores that this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = _QUOTA) -> int:
    """The cores in the process's affinity, limited by its cgroup's CPU quota in a container."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota_us, period_us = quota.read_text("ascii").split()
        return max(1, min(cores, round(int(quota_us) / int(period_us))))
    except (OSError, ValueError):  # no such file, or "max 100000": no quota
        return cores
