"""Writes journals before the dispatcher hears of what they record.

How takes and workers end is queued here in the order in which it came, so that a finished clip never loses to
the news that its worker is gone. A written line survives the daemon; it is synced within a second, so that a
power cut costs at most that second's takes, which are spoken again. A disk that cannot be written holds
everything back and is retried; a single job whose folder cannot be written goes on without its journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fishd.core.dispatch.actions import RecordFailure
from fishd.core.dispatch.events import CancelRequested, Event
from fishd.core.transient_errors import is_transient
from fishd.daemon.backoff import Backoff
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.spool.errors import disk_error
from fishd.spool.journal.journal import AnyLine, CancelledLine, FailedLine, append_to_all, sync_all, text_hash
from fishd.spool.root import Spool

_log = logging.getLogger("fishd.journal")
LONGEST_PAUSE_S = 30.0
SYNC_EVERY_S = 1.0
_Lines = dict[str, list[AnyLine]]  # by job


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line for a job's journal, an event to post after it, or both."""

    job: str = ""
    line: AnyLine | None = None
    event: Event | None = None


class JournalWriter:
    """Owns the queue of unwritten lines. `post` takes the events whose lines are written."""

    def __init__(self, spool: Spool, disk_errors: DiskErrorTracker, post: Callable[[Event], None]) -> None:
        self._spool = spool
        self._disk_errors = disk_errors
        self._post = post
        # The mutable state.
        self._stop = asyncio.Event()
        self._queue: asyncio.Queue[_Entry] = asyncio.Queue()
        self._unsynced: set[str] = set()  # jobs
        self._has_unsynced = asyncio.Event()

    def append(self, job: str, line: AnyLine, *, then: Event | None = None) -> None:
        """Write the line, then post the event."""
        self._queue.put_nowait(_Entry(job, line, then))

    def post_in_order(self, event: Event) -> None:
        """Post the event after everything that was queued before it."""
        self._queue.put_nowait(_Entry(event=event))

    def record_failure(self, order: RecordFailure) -> None:
        failure = order.failure
        line = FailedLine(
            speaker=order.speaker_index,
            segment=order.segment.id,
            text_hash=text_hash(order.segment.speech),
            takes=failure.takes,
            reason=failure.reason,
            deaths=failure.deaths,
            is_final=failure.is_final,
            can_retry=failure.can_retry,
        )
        self.append(order.job, line)

    def cancel(self, job: str, at: str) -> None:
        """Journal that the job is cancelled at that moment (RFC 3339), then cancel it."""
        self.append(job, CancelledLine(at), then=CancelRequested(job))

    def stop(self) -> None:
        """Retry nothing from now on: what is not journalled is repeated after the next start."""
        self._stop.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write_all(), name="journal writes")
            group.create_task(self._sync_all(), name="journal syncs")

    async def _sync_all(self) -> None:
        """At most once a second, and only if there is something new."""
        while True:
            await self._has_unsynced.wait()
            await asyncio.sleep(SYNC_EVERY_S)
            self._has_unsynced.clear()
            jobs, self._unsynced = self._unsynced, set()
            await asyncio.to_thread(self._sync, jobs)

    def _sync(self, jobs: set[str]) -> None:
        """Blocking. An error is met again, and reported, when the job is published."""
        with contextlib.suppress(OSError):
            sync_all([self._spool.work / job for job in jobs], self._spool.disk)

    async def _write_all(self) -> None:
        """Whatever is queued is written together."""
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            lines: _Lines = {}
            for entry in batch:
                if entry.line is not None:
                    lines.setdefault(entry.job, []).append(entry.line)
            is_written = await self._write(lines) if lines else True
            for entry in batch:
                if entry.event is not None and (is_written or entry.line is None):
                    self._post(entry.event)

    async def _write(self, lines: _Lines) -> bool:
        """Retry until the disk takes them; False if the daemon stops first."""
        backoff = Backoff(self._stop, LONGEST_PAUSE_S)
        while True:
            try:
                await asyncio.to_thread(self._append, lines)
            except OSError as error:
                self._disk_errors.report("journals", disk_error("journal.jsonl", "cannot be written", error))
            else:
                self._disk_errors.resolve("journals")
                self._unsynced |= lines.keys()
                self._has_unsynced.set()
                return True
            if self._stop.is_set():
                return False
            await backoff.pause()

    def _append(self, lines: _Lines) -> None:
        """Blocking. A job whose folder is gone has been published."""
        folders = {self._spool.work / job: its for job, its in lines.items()}
        present = {folder: its for folder, its in folders.items() if folder.is_dir()}
        try:
            append_to_all(present, self._spool.disk, sync=False)
        except OSError as error:
            if self._is_everywhere(error):
                raise
            for folder, its in present.items():
                self._append_alone(folder, its)

    def _append_alone(self, folder: Path, lines: list[AnyLine]) -> None:
        """One of the folders cannot be written; the other jobs do not wait for it."""
        try:
            append_to_all({folder: lines}, self._spool.disk, sync=False)
        except OSError as error:
            if self._is_everywhere(error):
                raise
            what = f"no journal can be written in work/{folder.name} ({error.strerror})"
            _log.warning("[Main] %s: a crash would repeat its takes", what, extra={"job": folder.name})

    def _is_everywhere(self, error: OSError) -> bool:
        return is_transient(error) or not os.access(self._spool.work, os.R_OK | os.W_OK | os.X_OK)
