"""What the machine refuses, said once however many wait for it, and once more when it is over.

A full disk is met by every part of the daemon at about the same time: claims, journals, clips, results.
The operator reads one line of it, and one when all goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from fishd.core.text.printable import to_printable

_log = logging.getLogger("fishd.main")


class DiskErrorTracker:
    """Called by the tasks of one loop; `trouble` is told what the status is to show: where, and what."""

    def __init__(self, trouble: Callable[[str, str], None]) -> None:
        self._trouble = trouble
        # The mutable state: of each fault, in the system's words, the things that wait for its end.
        self._waiting: dict[str, set[str]] = {}

    def report(self, thing: str, error: Exception) -> None:
        """`thing` cannot go on because of this; whoever says so tries again."""
        cause = error if isinstance(error, OSError) else error.__cause__
        fault = (isinstance(cause, OSError) and cause.strerror) or str(error)
        is_new = fault not in self._waiting
        self._waiting.setdefault(fault, set()).add(thing)
        text = to_printable(str(error))
        _log.log(logging.ERROR if is_new else logging.DEBUG, "[Main] %s; it is tried again", text)
        if is_new:
            self._trouble(thing, text)

    def resolve(self, thing: str) -> None:
        """`thing` went on, or needs to no more."""
        for fault, things in list(self._waiting.items()):
            things.discard(thing)
            if not things:
                del self._waiting[fault]
                _log.info("[Main] %s: that is over; what waited for it goes on", to_printable(fault))
