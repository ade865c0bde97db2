"""How commands talk: to stderr, plainly, and with the contract's exit codes."""

from __future__ import annotations

import sys

WELL = 0
NOT_ALL_WELL = 1  # a job failed, was partial or rejected
USAGE = 2  # usage or configuration
BUSY = 3  # another daemon owns the spool


def complain(error: object) -> None:
    """Say what is wrong, a line a fault."""
    for line in str(error).splitlines():
        print(f"fishd: {line}", file=sys.stderr)
