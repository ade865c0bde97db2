"""Keeps what is shown true: status.json, metrics, the live line, systemd's status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from fishd.core.model.result import Status
from fishd.host.log.live_line import LiveLine
from fishd.host.log.logs import Logs
from fishd.host.metrics import Metrics
from fishd.host.status_file import write_status
from fishd.host.systemd import Notifier
from fishd.view.status.status_view import status_line

_log = logging.getLogger("fishd.main")
EVERY_S = 1.0


class StatusPublisher:
    """`look` gives the state of now. Nothing is drawn or written while nothing has happened."""

    def __init__(
        self, path: Path, logs: Logs, notifier: Notifier, metrics: Metrics, look: Callable[[], Status]
    ) -> None:
        self._path = path
        self._logs = logs
        self._notifier = notifier
        self._metrics = metrics
        self._look = look
        # The mutable state.
        self._stale = asyncio.Event()

    def mark_changed(self) -> None:
        """Something has happened."""
        self._stale.set()

    async def run(self) -> None:
        """Until cancelled, at most once a second."""
        with LiveLine(self._logs.console) as live:
            while True:
                await self._stale.wait()
                self._stale.clear()
                status = self._look()
                live.update(status)
                self._notifier.status(status_line(status))
                await asyncio.to_thread(self.save, status)
                await asyncio.sleep(EVERY_S)

    def save(self, status: Status) -> None:
        """Blocking. A status that cannot be written is no reason to stop."""
        try:
            write_status(self._path, status)
        except OSError as error:
            _log.debug("status.json cannot be written: %s", error)
        self._metrics.write(status)
