"""Claims complete bundles from the inbox, reads them, and posts them as JobArrived; first what a crash left
in work/.

The inbox is scanned when the watcher signals a change, when a bundle may have settled, and every `rescan_s`.
Bundles are read in a thread. What the disk refuses is retried by a task of its own and holds nothing else up.
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
from fishd.daemon.backoff import Backoff
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.intake.job_loader import JobLoader
from fishd.daemon.mailbox import InboxScanned, ProblemReported
from fishd.daemon.publishing.publisher import Publisher
from fishd.daemon.publishing.refusal import RevisionRefused
from fishd.spool.errors import SpoolError, disk_error
from fishd.spool.expiry import expire
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from fishd.spool.inbox.watcher import watch_inbox
from fishd.spool.journal.recovery import RecoveredJob, folders_in
from fishd.spool.names import printable

_log = logging.getLogger("fishd.arrivals")
BATCH_BUNDLES = 64  # that are claimed with one sync
LONGEST_PAUSE_S = 60.0
DAY_S = 86_400.0

_Loaded = JobArrived | RecoveredJob | RevisionRefused
_Load = Callable[[], _Loaded | None]


class Arrivals:
    """Owns the inbox. `post` takes what arrives."""

    def __init__(
        self,
        loader: JobLoader,
        publisher: Publisher,
        disk_errors: DiskErrorTracker,
        post: Callable[
            [JobArrived | CancelRequested | RevisionRefused | InboxScanned | ProblemReported], None
        ],
    ) -> None:
        config, spool = loader.config, loader.spool
        self._spool = spool
        self._publisher = publisher
        self._disk_errors = disk_errors
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
        self._loader = loader
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._settling: tuple[str, ...] = ()
        self._unclaimable: frozenset[str] = frozenset()  # complete bundles that the disk refuses to move
        self._loaded: deque[_Loaded] = deque()  # by the thread, and not yet posted
        self._unreadable: set[str] = set()  # jobs in work/ that the disk refuses to read

    def adopt(self, config: Config) -> None:
        """Use another configuration from the next scan on."""
        self._loader.config = config
        self._inbox.settle(config.spool.settle_s, config.spool.settle_timeout_s, config.limits)
        self._wake.set()

    def job_ended(self) -> None:
        """A job has left work/: a request for its revision may have waited for it."""
        if self._inbox.has_requests:
            self._wake.set()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stop.set()
        self._wake.set()

    async def run(self) -> None:
        """Until told to stop."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            watch = group.create_task(self._watch(), name="inbox watch")
            expiry = group.create_task(self._expire(), name="archive expiry")
            await self._resume()
            while not self._stop.is_set():
                self._wake.clear()
                await self._scan()
                await self._sleep()
            watch.cancel()
            expiry.cancel()

    # ---- the inbox ---------------------------------------------------------------------------------

    async def _watch(self) -> None:
        async with contextlib.aclosing(
            watch_inbox(self._spool.inbox, self._stop, lambda: self._settling, self._on_watch_problem)
        ) as changes:
            async for _ in changes:
                self._wake.set()

    def _on_watch_problem(self, text: str) -> None:
        _log.warning("[Main] %s", text)
        self._post(ProblemReported("inbox", text))

    async def _scan(self) -> None:
        try:
            scan = await asyncio.to_thread(self._inbox.scan, time.monotonic())
        except SpoolError as error:
            self._disk_errors.report("inbox", error)
            return
        self._disk_errors.resolve("inbox")
        self._settling = scan.settling
        for at in range(0, len(scan.found), BATCH_BUNDLES):
            if self._stop.is_set():
                return
            await self._claim(scan.found[at : at + BATCH_BUNDLES])
        for name in self._unclaimable - self._inbox.unclaimable:
            self._disk_errors.resolve(f"inbox/{printable(name)}")
        self._unclaimable = self._inbox.unclaimable
        self._post_waiting()

    async def _claim(self, found: tuple[CompleteBundle, ...]) -> None:
        claims = await asyncio.to_thread(self._inbox.claim, found, time.monotonic())
        for stuck in claims.stuck:
            self._disk_errors.report(stuck.error.thing, stuck.error)
        if claims.fault:
            self._disk_errors.report("claims", claims.fault)
        else:
            self._disk_errors.resolve("claims")
        await self._load_all({one.folder: partial(self._loader.load_claimed, one) for one in claims.claimed})

    def _post_waiting(self) -> None:
        """`--once` does not end while anything waits."""
        waiting = set(self._settling) | self._inbox.unclaimable | self._unreadable
        self._post(InboxScanned(len(waiting)))

    async def _sleep(self) -> None:
        """Until the inbox changes, a bundle may have settled, or the next rescan is due."""
        wake_s = self._inbox.next_wake(time.monotonic())
        rescan_s = self._loader.config.spool.rescan_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rescan_s if wake_s is None else min(wake_s, rescan_s)):
                await self._wake.wait()

    # ---- loading -----------------------------------------------------------------------------------

    async def _load_all(self, loads: Mapping[Path, _Load]) -> None:
        """Load a batch in one thread; each job is posted as soon as it is read."""
        loop = asyncio.get_running_loop()
        refused = await asyncio.to_thread(self._load_each, loads, loop.call_soon_threadsafe)
        for folder, error in refused.items():
            task = self._load_later(folder, loads[folder], error)
            self._group.create_task(task, name=f"read {folder.name}")

    def _load_each(self, loads: Mapping[Path, _Load], call: Callable[..., object]) -> dict[Path, SpoolError]:
        """Blocking: the folders that the disk refused to read, and why."""
        refused: dict[Path, SpoolError] = {}
        for folder, load in loads.items():
            try:
                if arrived := load():
                    self._loaded.append(arrived)
                    if len(self._loaded) == 1:  # else a call is on its way to the loop
                        call(self._post_loaded)
            except (OSError, SpoolError) as error:
                refused[folder] = _read_error(folder, error)
        return refused

    async def _load_later(self, folder: Path, load: _Load, error: SpoolError) -> None:
        """Retry until the disk allows it, or the daemon stops: then the next start does it."""
        self._unreadable.add(folder.name)
        self._post_waiting()
        backoff = Backoff(self._stop, LONGEST_PAUSE_S)
        while not self._stop.is_set():
            self._disk_errors.report(f"job {folder.name}", error)
            await backoff.pause()
            try:
                arrived = await asyncio.to_thread(load)
            except (OSError, SpoolError) as again:
                error = _read_error(folder, again)
                continue
            if arrived:
                self._post_arrival(arrived)
            break
        self._disk_errors.resolve(f"job {folder.name}")
        self._unreadable.discard(folder.name)
        self._post_waiting()

    def _post_loaded(self) -> None:
        while self._loaded:
            self._post_arrival(self._loaded.popleft())

    def _post_arrival(self, arrived: _Loaded) -> None:
        match arrived:
            case RevisionRefused():
                self._post(arrived)
            case JobArrived():
                self._post(arrived)
                if arrived.cancelled:
                    self._post(CancelRequested(arrived.name))
            case RecoveredJob():
                _log.info("[Main] %s: resuming its interrupted publication", arrived.name)
                self._publisher.resume(arrived.folder)

    async def _resume(self) -> None:
        """Everything in work/: interrupted publications go on, the rest is read again."""
        backoff = Backoff(self._stop, LONGEST_PAUSE_S)
        while not self._stop.is_set():
            try:
                left = await asyncio.to_thread(folders_in, self._spool.work)
            except OSError as error:
                self._disk_errors.report("work", _read_error(self._spool.work, error))
                await backoff.pause()
            else:
                self._disk_errors.resolve("work")
                load = self._loader.load_recovered
                await self._load_all({folder: partial(load, folder) for folder in left})
                return

    # ---- the archive -------------------------------------------------------------------------------

    async def _expire(self) -> None:
        """Now and once a day, remove what was archived longer than `archive_days` ago."""
        while True:
            days = self._loader.config.spool.archive_days
            for folder in (self._spool.archive, self._spool.takes):
                await self._expire_in(folder, days)
            await asyncio.sleep(DAY_S)

    async def _expire_in(self, folder: Path, days: float) -> None:
        expired = await asyncio.to_thread(expire, folder, days, time.time(), self._spool.disk)
        for name in expired.removed:
            _log.info("[Main] %s/%s is over %g days old: removed", folder.name, to_printable(name), days)
        for error in expired.faults:
            _log.error("[Main] %s", to_printable(str(error)))
            self._post(ProblemReported(error.thing, str(error)))


def _read_error(path: Path, error: OSError | SpoolError) -> SpoolError:
    if isinstance(error, SpoolError):
        return error
    return disk_error(str(path), "cannot be read", error)
