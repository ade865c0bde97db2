"""How much memory this process holds: of its GPU where it has one, else of the machine."""

from __future__ import annotations

import os
import re
import resource
import sys
from pathlib import Path

_GIB = 1024**3
_KIB_IN_GIB = 1024**2
_TRIED = re.compile(r"[Tt]ried to allocate ([0-9.]+) ([KMG])iB")  # as torch says it
_UNITS_GB = {"K": 1 / _KIB_IN_GIB, "M": 1 / 1024, "G": 1.0}


def memory_gb(device: str) -> float | None:
    """GiB reserved on the device by torch, or the resident set on a CPU; None where neither is known."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return torch.cuda.memory_reserved() / _GIB
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / _GIB


def peak_gb(device: str, engine: object = None) -> float:
    """The most that it ever was; an engine that knows better says so as `peak_gb`."""
    said = getattr(engine, "peak_gb", None)
    if said is not None:
        return float(said)
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return torch.cuda.max_memory_reserved() / _GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_IN_GIB


def needs_gb(device: str, error: Exception) -> float:
    """What would have been enough, as far as it is known: the peak, and what was asked for in vain."""
    tried = _TRIED.search(str(error))
    return peak_gb(device) + (float(tried[1]) * _UNITS_GB[tried[2]] if tried else 0.0)
