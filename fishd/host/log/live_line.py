"""The live status line that `fishd run` keeps at the bottom of a terminal, below the log lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from fishd.core.model.status import Status
from fishd.view.status.status_view import live_line

_REFRESH_S = 0.25


class LiveLine:
    """A context manager; without a terminal it does nothing."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._drawn_at = float("-inf")
        shows = console.is_terminal and not console.is_dumb_terminal and console.file.isatty()
        self._live = _live(console) if shows else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def update(self, status: Status) -> None:
        """Show this status: at once, or with the next log line if the last refresh was a moment ago."""
        if not self._live:
            return
        due = self._now() - self._drawn_at >= _REFRESH_S
        if due:
            self._drawn_at = self._now()
        self._live.update(live_line(status), refresh=due)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()


def _live(console: Console) -> Live:
    return Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    )
