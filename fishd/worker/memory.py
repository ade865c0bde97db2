"""How much memory this process holds: of its GPU where it has one, else of the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_GIB = 1024**3


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
