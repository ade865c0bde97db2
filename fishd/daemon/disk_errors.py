"""Errors of the disk, logged once however many parts meet them, and once more when they are over.

Every part of the daemon meets a full disk at about the same time: claims, journals, clips, results. The
operator reads one line about it, and one when work goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from fishd.core.text.printable import to_printable

_log = logging.getLogger("fishd.main")


class DiskErrorTracker:
    """Called by the tasks of one loop. `report_error` takes what the status is to show: where, and what."""

    def __init__(self, report_error: Callable[[str, str], None]) -> None:
        self._report_error = report_error
        # The mutable state: for each error, in the system's words, the things that wait for its end.
        self._waiting: dict[str, set[str]] = {}

    def report(self, thing: str, error: Exception) -> None:
        """`thing` cannot go on because of this error; the caller retries."""
        cause = error if isinstance(error, OSError) else error.__cause__
        fault = (isinstance(cause, OSError) and cause.strerror) or str(error)
        is_new = fault not in self._waiting
        self._waiting.setdefault(fault, set()).add(thing)
        text = to_printable(str(error))
        _log.log(logging.ERROR if is_new else logging.DEBUG, "[Main] %s; retrying", text)
        if is_new:
            self._report_error(thing, text)

    def resolve(self, thing: str) -> None:
        """`thing` went on, or was given up."""
        for fault, things in list(self._waiting.items()):
            things.discard(thing)
            if not things:
                del self._waiting[fault]
                _log.info("[Main] %s: resolved; work goes on", to_printable(fault))
