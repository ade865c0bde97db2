"""The way in: what a crash left in work/ first, then whatever stands complete in the inbox.

One task. It scans when the alarm rings, when something may have settled, and every `rescan_s`; claims what
is complete, reads it in a thread, and posts it as JobArrived. What the disk refuses is said once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from fishd.core.config import Config
from fishd.core.events import CancelAsked, JobArrived
from fishd.core.job import Clip, Fault, Job
from fishd.daemon.mail import Scanned, Trouble
from fishd.daemon.publisher import Publisher
from fishd.spool.alarm import alarm
from fishd.spool.bundle import Reading, read_bundle
from fishd.spool.errors import SpoolError
from fishd.spool.inbox import Claimed, Claims, Found, Inbox
from fishd.spool.journal import text_hash
from fishd.spool.outbox import OUT, Recovered, recover
from fishd.spool.root import Spool, expire_archive

_log = logging.getLogger("fishd.arrivals")
BATCH = 64  # bundles that are claimed with one sync
DAY_S = 86_400.0


class Arrivals:
    """Owns the inbox. `post` takes what arrives."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        publisher: Publisher,
        post: Callable[[JobArrived | CancelAsked | Scanned | Trouble], None],
    ) -> None:
        self._spool = spool
        self._publisher = publisher
        self._post = post
        self._inbox = Inbox(
            spool.inbox,
            spool.work,
            config.spool.settle_s,
            config.spool.settle_timeout_s,
            limits=config.limits,
        )
        # The mutable state.
        self._config = config
        self._rung = asyncio.Event()
        self._stop = asyncio.Event()
        self._settling: tuple[str, ...] = ()
        self._expired_at: float | None = None
        self._last_fault = ""

    def adopt(self, config: Config) -> None:
        """Take over another configuration from the next scan on."""
        self._config = config
        self._inbox.settle(config.spool.settle_s, config.spool.settle_timeout_s)
        self._rung.set()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stop.set()
        self._rung.set()

    async def run(self) -> None:
        """Until told to stop."""
        await self._resume()
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch(), name="alarm")
            while not self._stop.is_set():
                self._rung.clear()
                await self._scan()
                await self._expire()
                await self._sleep()
            watch.cancel()

    # ---- the inbox ---------------------------------------------------------------------------------

    async def _watch(self) -> None:
        async with contextlib.aclosing(
            alarm(self._spool.inbox, self._stop, lambda: self._settling, self._say_alarm)
        ) as rings:
            async for _ in rings:
                self._rung.set()

    async def _scan(self) -> None:
        try:
            scan = await asyncio.to_thread(self._inbox.scan, time.monotonic())
        except SpoolError as error:
            self._say_fault(error)
            return
        self._last_fault = ""
        self._settling = scan.settling
        for at in range(0, len(scan.found), BATCH):
            if self._stop.is_set():
                return
            await self._claim(scan.found[at : at + BATCH])
        self._post(Scanned(len(scan.settling)))

    async def _claim(self, found: tuple[Found, ...]) -> None:
        claims = await asyncio.to_thread(self._inbox.claim, found, time.monotonic())
        self._say_claims(claims)
        await asyncio.to_thread(self._read_all, claims.claimed, asyncio.get_running_loop())

    def _read_all(self, claimed: Sequence[Claimed], loop: asyncio.AbstractEventLoop) -> None:
        """Blocking: read a batch in one thread; each job arrives as soon as it is read."""
        for one in claimed:
            loop.call_soon_threadsafe(self._post, self._arrived(one))

    def _arrived(self, claimed: Claimed) -> JobArrived:
        """Blocking: read a claimed bundle."""
        self._make_out(claimed.folder)
        reading = read_bundle(claimed.bundle, claimed.name, self._config.limits, self._config.output.format)
        faults = (*claimed.faults, *(f for f in reading.faults if f not in claimed.faults))
        return _arrival(claimed.name, reading, faults, {})

    def _make_out(self, folder: Path) -> None:
        with contextlib.suppress(FileExistsError):
            self._spool.disk.make_folder(folder / OUT)

    async def _sleep(self) -> None:
        """Until the alarm rings, something may have settled, or it is time for a look anyway."""
        wake_s = self._inbox.next_wake(time.monotonic())
        rescan_s = self._config.spool.rescan_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rescan_s if wake_s is None else min(wake_s, rescan_s)):
                await self._rung.wait()

    # ---- what a crash left -------------------------------------------------------------------------

    async def _resume(self) -> None:
        try:
            left = await asyncio.to_thread(recover, self._spool.work, self._spool.disk)
        except OSError as error:
            self._say_fault(SpoolError(str(self._spool.work), f"cannot be read: {error.strerror}"))
            return
        for job in left:
            if job.complete:
                _log.info("[Main] %s was being published: that goes on", job.name)
                await self._publisher.finish(job.folder)
            else:
                self._post(await asyncio.to_thread(self._resumed, job))
                if job.cancelled:
                    self._post(CancelAsked(job.name))

    def _resumed(self, left: Recovered) -> JobArrived:
        """Blocking: read the bundle again, and match the journal's clips with its segments."""
        self._make_out(left.folder)
        reading = read_bundle(left.bundle, left.name, self._config.limits, self._config.output.format)
        clips = dict(_done(left, reading.job)) if reading.job else {}
        for fault in left.faults:
            _log.warning("[Main] %s: %s", left.name, fault)
        return _arrival(left.name, reading, reading.faults, clips)

    # ---- the archive -------------------------------------------------------------------------------

    async def _expire(self) -> None:
        """Once a day, remove what was archived longer ago than `archive_days`."""
        now = time.time()
        if self._expired_at is not None and now - self._expired_at < DAY_S:
            return
        self._expired_at = now
        days = self._config.spool.archive_days
        try:
            removed = await asyncio.to_thread(
                expire_archive, self._spool.archive, days, now, self._spool.disk
            )
        except OSError as error:
            self._say_fault(SpoolError(str(self._spool.archive), f"cannot be cleared: {error.strerror}"))
            return
        for name in removed:
            _log.info("[Main] archive/%s is over %g days old: removed", name, days)

    # ---- what is said ------------------------------------------------------------------------------

    def _say_alarm(self, text: str) -> None:
        _log.warning("[Main] %s", text)
        self._post(Trouble("inbox", text))

    def _say_fault(self, error: SpoolError) -> None:
        """Once, however often it is met."""
        if str(error) != self._last_fault:
            self._last_fault = str(error)
            _log.error("[Main] %s", error)
            self._post(Trouble("spool", str(error)))

    def _say_claims(self, claims: Claims) -> None:
        for stuck in claims.stuck:
            if stuck.first:
                self._say_fault(stuck.error)
        if claims.fault:
            self._say_fault(claims.fault)


def _arrival(
    name: str, reading: Reading, faults: tuple[Fault, ...], clips: Mapping[tuple[int, int], Clip]
) -> JobArrived:
    return JobArrived(
        name=name,
        job=None if faults else reading.job,
        faults=faults,
        warnings=reading.warnings,
        references=tuple((reference.where, str(reference.path)) for reference in reading.references),
        clips=clips,
    )


def _done(left: Recovered, job: Job) -> Iterator[tuple[tuple[int, int], Clip]]:
    """The journal's clips of segments that have not changed since."""
    for s, n, segment in job.segments():
        line = left.spoken.get((s, segment.id))
        same = (
            line is not None
            and line.text_hash == text_hash(segment.text)
            and line.voice_key == job.speakers[s].voice_key
            and line.clip.path == segment.clip
        )
        if line is not None and same:
            yield (s, n), line.clip
