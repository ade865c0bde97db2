"""Publishes the daemon's state: status.json, metrics, the live line, systemd's status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from fishd.core.model.status import Status
from fishd.host.log.live_line import LiveLine
from fishd.host.log.logs import Logs
from fishd.host.metrics import Metrics
from fishd.host.status_file import write_status
from fishd.host.systemd import Notifier
from fishd.view.status.status_view import status_line

_log = logging.getLogger("fishd.main")
EVERY_S = 1.0


class StatusPublisher:
    """`snapshot` gives the current state. Nothing is rendered or written while nothing has changed."""

    def __init__(
        self, path: Path, logs: Logs, notifier: Notifier, metrics: Metrics, snapshot: Callable[[], Status]
    ) -> None:
        self._path = path
        self._logs = logs
        self._notifier = notifier
        self._metrics = metrics
        self._snapshot = snapshot
        # The mutable state.
        self._has_changed = asyncio.Event()

    def mark_changed(self) -> None:
        self._has_changed.set()

    async def run(self) -> None:
        """Until cancelled, at most once a second."""
        with LiveLine(self._logs.console) as live:
            while True:
                await self._has_changed.wait()
                self._has_changed.clear()
                status = self._snapshot()
                live.update(status)
                self._notifier.status(status_line(status))
                await self._save(status)
                await asyncio.sleep(EVERY_S)

    async def save_final(self) -> None:
        """The daemon has stopped."""
        await self._save(msgspec.structs.replace(self._snapshot(), state="stopped"))

    async def _save(self, status: Status) -> None:
        """A status that cannot be written is no reason to stop."""
        try:
            await write_status(self._path, status)
        except OSError as error:
            _log.debug("status.json cannot be written: %s", error)
        await asyncio.to_thread(self._metrics.write, status)
