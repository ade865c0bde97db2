"""How a child process of the daemon ends: with its parent, and without waiting for a library's threads."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

_PR_SET_PDEATHSIG = 1


def exit_with_parent(parent: int) -> None:
    """Have the kernel kill us when the process `parent` dies, even while we are stopped or hang."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(0)


def exit_now(status: int) -> NoReturn:
    """Exit without waiting for threads, or for a driver that hangs in its cleanup."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
