"""The way in: what a crash left in work/ first, then whatever stands complete in the inbox.

It scans when the alarm rings, when something may have settled, and every `rescan_s`; claims what is
complete, reads it in a thread, and posts it as JobArrived. What the disk refuses is said once and tried again
by a task of its own, so that it holds nothing else up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from fishd.core.config.config import Config
from fishd.core.dispatch.events import CancelRequested, JobArrived
from fishd.core.text.printable import to_printable
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.intake.job_loader import JobLoader
from fishd.daemon.mailbox import InboxScanned, ProblemReported
from fishd.daemon.publishing.publisher import Publisher
from fishd.spool.errors import SpoolError, disk_error
from fishd.spool.expiry import expire_archive
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from fishd.spool.inbox.watcher import watch_inbox
from fishd.spool.journal.recovery import RecoveredJob, folders_in
from fishd.spool.names import printable

_log = logging.getLogger("fishd.arrivals")
BATCH = 64  # bundles that are claimed with one sync
LONGEST_PAUSE_S = 60.0
DAY_S = 86_400.0

_Read = Callable[[], JobArrived | RecoveredJob | None]


class Arrivals:
    """Owns the inbox. `post` takes what arrives."""

    def __init__(
        self,
        desk: JobLoader,
        publisher: Publisher,
        faults: DiskErrorTracker,
        post: Callable[[JobArrived | CancelRequested | InboxScanned | ProblemReported], None],
    ) -> None:
        config, spool = desk.config, desk.spool
        self._spool = spool
        self._publisher = publisher
        self._faults = faults
        self._post = post
        self._inbox = Inbox(
            spool.inbox,
            spool.work,
            config.spool.settle_s,
            config.spool.settle_timeout_s,
            limits=config.limits,
            disk=spool.disk,
        )
        # The mutable state.
        self._config = config
        self._desk = desk
        self._rung = asyncio.Event()
        self._stop = asyncio.Event()
        self._settling: tuple[str, ...] = ()
        self._stuck: frozenset[str] = frozenset()  # in the inbox: complete, but the disk refuses the claim
        self._read: deque[JobArrived | RecoveredJob] = deque()  # and not yet taken in
        self._unread: set[str] = set()  # in work/, but the disk refuses the reading

    def adopt(self, config: Config) -> None:
        """Take over another configuration from the next scan on."""
        self._config = self._desk.config = config
        self._inbox.settle(config.spool.settle_s, config.spool.settle_timeout_s)
        self._rung.set()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stop.set()
        self._rung.set()

    async def run(self) -> None:
        """Until told to stop."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            watch = group.create_task(self._watch(), name="alarm")
            expiry = group.create_task(self._expire(), name="expiry")
            await self._resume()
            while not self._stop.is_set():
                self._rung.clear()
                await self._scan()
                await self._sleep()
            watch.cancel()
            expiry.cancel()

    # ---- the inbox ---------------------------------------------------------------------------------

    async def _watch(self) -> None:
        async with contextlib.aclosing(
            watch_inbox(self._spool.inbox, self._stop, lambda: self._settling, self._say_alarm)
        ) as rings:
            async for _ in rings:
                self._rung.set()

    async def _scan(self) -> None:
        try:
            scan = await asyncio.to_thread(self._inbox.scan, time.monotonic())
        except SpoolError as error:
            self._faults.report("inbox", error)
            return
        self._faults.resolve("inbox")
        self._settling = scan.settling
        for at in range(0, len(scan.found), BATCH):
            if self._stop.is_set():
                return
            await self._claim(scan.found[at : at + BATCH])
        for name in self._stuck - self._inbox.unclaimable:
            self._faults.resolve(f"inbox/{printable(name)}")
        self._stuck = self._inbox.unclaimable
        self._say_waiting()

    async def _claim(self, found: tuple[CompleteBundle, ...]) -> None:
        claims = await asyncio.to_thread(self._inbox.claim, found, time.monotonic())
        for stuck in claims.stuck:
            self._faults.report(stuck.error.thing, stuck.error)
        if claims.fault:
            self._faults.report("claims", claims.fault)
        else:
            self._faults.resolve("claims")
        reads = {one.folder: partial(self._desk.load_claimed, one) for one in claims.claimed}
        await self._read_all(reads)

    def _say_waiting(self) -> None:
        """`--once` does not end while anything waits."""
        waiting = set(self._settling) | self._inbox.unclaimable | self._unread
        self._post(InboxScanned(len(waiting)))

    async def _sleep(self) -> None:
        """Until the alarm rings, something may have settled, or it is time for a look anyway."""
        wake_s = self._inbox.next_wake(time.monotonic())
        rescan_s = self._config.spool.rescan_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rescan_s if wake_s is None else min(wake_s, rescan_s)):
                await self._rung.wait()

    # ---- reading -----------------------------------------------------------------------------------

    async def _read_all(self, reads: Mapping[Path, _Read]) -> None:
        """Read a batch in one thread; each job arrives as soon as it is read."""
        loop = asyncio.get_running_loop()
        later = await asyncio.to_thread(self._read_each, reads, loop.call_soon_threadsafe)
        for folder, error in later.items():
            task = self._read_later(folder, reads[folder], error)
            self._group.create_task(task, name=f"read {folder.name}")

    def _read_each(self, reads: Mapping[Path, _Read], call: Callable[..., object]) -> dict[Path, SpoolError]:
        """Blocking: those that the disk did not let us read, and why."""
        later: dict[Path, SpoolError] = {}
        for folder, read in reads.items():
            try:
                if arrived := read():
                    self._read.append(arrived)
                    if len(self._read) == 1:  # else the loop has been called and is yet to come
                        call(self._take_in)
            except (OSError, SpoolError) as error:
                later[folder] = _cannot_be_read(folder, error)
        return later

    async def _read_later(self, folder: Path, read: _Read, error: SpoolError) -> None:
        """Try again until the disk lets us, or the daemon stops: then it is done at the next start."""
        self._unread.add(folder.name)
        self._say_waiting()
        pause_s = 1.0
        while not self._stop.is_set():
            self._faults.report(f"job {folder.name}", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            try:
                arrived = await asyncio.to_thread(read)
            except (OSError, SpoolError) as again:
                error = _cannot_be_read(folder, again)
                continue
            if arrived:
                self._come_in(arrived)
            break
        self._faults.resolve(f"job {folder.name}")
        self._unread.discard(folder.name)
        self._say_waiting()

    def _take_in(self) -> None:
        """On the loop: what was read since it last looked."""
        while self._read:
            self._come_in(self._read.popleft())

    def _come_in(self, arrived: JobArrived | RecoveredJob) -> None:
        """On the loop."""
        match arrived:
            case JobArrived():
                self._post(arrived)
                if arrived.cancelled:
                    self._post(CancelRequested(arrived.name))
            case RecoveredJob():
                _log.info("[Main] %s was being published: that goes on", arrived.name)
                self._publisher.resume(arrived.folder)

    # ---- what a crash left -------------------------------------------------------------------------

    async def _resume(self) -> None:
        """Everything in work/: what was being published goes on, the rest is read again."""
        pause_s = 1.0
        while not self._stop.is_set():
            try:
                left = await asyncio.to_thread(folders_in, self._spool.work)
            except OSError as error:
                self._faults.report("work", _cannot_be_read(self._spool.work, error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._stop.wait()
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                self._faults.resolve("work")
                await self._read_all({folder: partial(self._desk.load_recovered, folder) for folder in left})
                return

    # ---- the archive -------------------------------------------------------------------------------

    async def _expire(self) -> None:
        """Now and once a day, remove what was archived longer ago than `archive_days`."""
        while True:
            days = self._config.spool.archive_days
            archive, disk = self._spool.archive, self._spool.disk
            expired = await asyncio.to_thread(expire_archive, archive, days, time.time(), disk)
            for name in expired.removed:
                _log.info("[Main] archive/%s is over %g days old: removed", to_printable(name), days)
            for error in expired.faults:
                _log.error("[Main] %s", to_printable(str(error)))
                self._post(ProblemReported(error.thing, str(error)))
            await asyncio.sleep(DAY_S)

    # ---- what is said ------------------------------------------------------------------------------

    def _say_alarm(self, text: str) -> None:
        _log.warning("[Main] %s", text)
        self._post(ProblemReported("inbox", text))


def _cannot_be_read(path: Path, error: OSError | SpoolError) -> SpoolError:
    if isinstance(error, SpoolError):
        return error
    return disk_error(str(path), "cannot be read", error)
