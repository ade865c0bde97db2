"""How much memory this process uses: of its GPU where it has one, else of the machine."""

from __future__ import annotations

import os
import re
import resource
import sys
from pathlib import Path

_GIB = 1024**3
_KIB_IN_GIB = 1024**2
_REQUESTED = re.compile(r"[Tt]ried to allocate ([0-9.]+) ([KMG])iB")  # in torch's message
_UNITS_GB = {"K": 1 / _KIB_IN_GIB, "M": 1 / 1024, "G": 1.0}


def memory_gb(device: str) -> float | None:
    """GiB reserved by torch on a GPU, or the resident set on a CPU; None where unknown."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return torch.cuda.memory_reserved() / _GIB
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / _GIB


def peak_gb(device: str, engine: object = None) -> float:
    """The most so far, in GiB; an engine that knows better has an attribute `peak_gb`."""
    engine_peak_gb = getattr(engine, "peak_gb", None)
    if engine_peak_gb is not None:
        return float(engine_peak_gb)
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return torch.cuda.max_memory_reserved() / _GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_IN_GIB


def needs_gb(device: str, error: Exception) -> float:
    """What would have been enough, as far as known: the peak, and the allocation that failed."""
    requested = _REQUESTED.search(str(error))
    return peak_gb(device) + (float(requested[1]) * _UNITS_GB[requested[2]] if requested else 0.0)
