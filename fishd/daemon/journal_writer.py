"""Makes what workers say last: a spoken take reaches the dispatcher only after its journal line is written.

Everything a worker says of takes, and its end, passes through here in the order in which it came: a clip
that was finished is never lost to the news that its worker is gone. A written line outlives the daemon. It
is synced within a second: a power cut costs at most that second's takes, which are spoken again. A disk
that cannot be written holds everything back, is said once, and is tried again. One job whose own folder
cannot be written holds nobody back: it goes on without its journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fishd.core.dispatch.actions import SendTake
from fishd.core.dispatch.events import CancelRequested, Event, TakeCompleted
from fishd.core.model.job import Clip
from fishd.core.transient_errors import is_transient
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.spool.errors import disk_error
from fishd.spool.journal.journal import CancelledLine, SpokenLine, append_to_all, sync_all, text_hash
from fishd.spool.root import Spool
from fishd.wire.messages import ClipWritten

_log = logging.getLogger("fishd.keeper")
MAX_PAUSE_S = 30.0
SYNC_EVERY_S = 1.0
_Lines = dict[str, list[SpokenLine | CancelledLine]]  # by job


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event that waits for its journal line, if it has one, to be on the disk."""

    event: Event
    job: str = ""
    line: SpokenLine | CancelledLine | None = None


class JournalWriter:
    """Owns the open journals. `post` takes the events that are durable."""

    def __init__(self, spool: Spool, faults: DiskErrorTracker, post: Callable[[Event], None]) -> None:
        self._spool = spool
        self._faults = faults
        self._post = post
        # The mutable state.
        self._stop = asyncio.Event()
        self._queue: asyncio.Queue[_Entry] = asyncio.Queue()
        self._unsynced: set[str] = set()  # jobs
        self._has_unsynced = asyncio.Event()

    def clip_written(self, order: SendTake, device: str, message: ClipWritten) -> None:
        """A clip is on the disk: journal it, then say so."""
        clip = Clip(
            path=order.segment.clip,
            duration_s=message.duration_s,
            takes=order.number,
            seed=order.seed,
            worker=order.worker,
            device=device,
            work_s=message.work_s,
            content_hash=message.content_hash,
        )
        line = SpokenLine(
            speaker=order.speaker_index,
            segment=order.segment.id,
            text_hash=text_hash(order.segment.text),
            voice_key=order.speaker.voice_key,
            size_bytes=message.size_bytes,
            clip=clip,
        )
        event = TakeCompleted(
            order.worker, order.take, message.duration_s, message.work_s, message.content_hash
        )
        self._queue.put_nowait(_Entry(event, order.job.name, line))

    def job_cancelled(self, job: str, at: str) -> None:
        """A user wants no more of it: after a crash, neither do we."""
        self._queue.put_nowait(_Entry(CancelRequested(job), job, CancelledLine(at)))

    def enqueue(self, event: Event) -> None:
        """Say this after everything that came before it."""
        self._queue.put_nowait(_Entry(event))

    def stop(self) -> None:
        """From now on what the disk refuses is not tried again: it is spoken anew after the next start."""
        self._stop.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write_all(), name="journals")
            group.create_task(self._sync_all(), name="journals' sync")

    async def _sync_all(self) -> None:
        """At most once a second, and not while there is nothing new."""
        while True:
            await self._has_unsynced.wait()
            await asyncio.sleep(SYNC_EVERY_S)
            self._has_unsynced.clear()
            jobs, self._unsynced = self._unsynced, set()
            await asyncio.to_thread(self._sync, jobs)

    def _sync(self, jobs: set[str]) -> None:
        """Blocking. What fails here is met again, and said, when the job is published."""
        with contextlib.suppress(OSError):
            sync_all([self._spool.work / job for job in jobs], self._spool.disk)

    async def _write_all(self) -> None:
        """What waits together is written together."""
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            lines: _Lines = {}
            for entry in batch:
                if entry.line is not None:
                    lines.setdefault(entry.job, []).append(entry.line)
            stands = await self._write(lines) if lines else True
            for entry in batch:
                if stands or entry.line is None:
                    self._post(entry.event)

    async def _write(self, lines: _Lines) -> bool:
        """Try until the disk takes them; False if it did not before the daemon was told to stop."""
        pause_s = 1.0
        while True:
            try:
                await asyncio.to_thread(self._append, lines)
            except OSError as error:
                self._faults.report("journals", disk_error("journal.jsonl", "cannot be written", error))
            else:
                self._faults.resolve("journals")
                self._unsynced |= lines.keys()
                self._has_unsynced.set()
                return True
            if self._stop.is_set():
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()
            pause_s = min(pause_s * 2, MAX_PAUSE_S)

    def _append(self, lines: _Lines) -> None:
        """Blocking. A job whose folder is gone was published before it could be cancelled."""
        folders = {self._spool.work / job: its for job, its in lines.items()}
        there = {folder: its for folder, its in folders.items() if folder.is_dir()}
        try:
            append_to_all(there, self._spool.disk, sync=False)
        except OSError as error:
            if self._is_everywhere(error):
                raise
            for folder, its in there.items():
                self._append_alone(folder, its)

    def _append_alone(self, folder: Path, lines: list[SpokenLine | CancelledLine]) -> None:
        """Something is wrong with one of the folders: the other jobs need not wait for that."""
        try:
            append_to_all({folder: lines}, self._spool.disk, sync=False)
        except OSError as error:
            if self._is_everywhere(error):
                raise
            what = f"no journal can be written in work/{folder.name} ({error.strerror})"
            _log.warning("[Main] %s: after a crash it is spoken anew", what, extra={"job": folder.name})

    def _is_everywhere(self, error: OSError) -> bool:
        return is_transient(error) or not os.access(self._spool.work, os.R_OK | os.W_OK | os.X_OK)
