"""A job that is over -> its report, and its way out of work/ into the outbox.

Each job is published in a thread of its own, a few at a time. What the disk refuses is said once and tried
again: the bundle and every clip stay where they are until it goes. Clips that somebody took away while the
job ran are failed segments of its result.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fishd.core.actions import Ending
from fishd.core.finish import make_result
from fishd.core.job import Job
from fishd.core.lost import without_clips
from fishd.core.report import Rendered, render, result_json
from fishd.core.result import Result
from fishd.core.reuse import with_keys
from fishd.core.words import times_real_time
from fishd.daemon.clock import rfc3339
from fishd.daemon.faults import Faults
from fishd.host.job_log import JobLog
from fishd.spool.errors import SpoolError
from fishd.spool.outbox import OUT, ClipsGone, finish, publish
from fishd.spool.reuse import digest_of
from fishd.spool.root import Spool

_log = logging.getLogger("fishd.publisher")
AT_ONCE = 3  # more would only wait for one another: the interpreter runs one at a time
LONGEST_PAUSE_S = 60.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Published:
    """A job's result stands in the outbox, at `path`."""

    job: str
    result: Result
    path: Path


@dataclass(frozen=True, slots=True)
class Finished:
    """A publish that a crash had cut is done; what the job came to was said before the crash."""

    job: str


@dataclass(frozen=True, slots=True)
class Unpublished:
    """The daemon stops before the disk took this job's result: it is made again at the next start."""

    job: str


class Publisher:
    """Owns what is on its way out. `post` takes a Published for each job, or an Unpublished."""

    def __init__(
        self,
        spool: Spool,
        job_log: JobLog,
        group: asyncio.TaskGroup,
        faults: Faults,
        post: Callable[[Published | Finished | Unpublished], None],
        *,
        secret: bytes,
    ) -> None:
        self._spool = spool
        self._secret = secret
        self._job_log = job_log
        self._group = group
        self._faults = faults
        self._post = post
        # The mutable state.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="publish")
        self._stop = asyncio.Event()
        self.num_under_way = 0
        self.engine = ""  # the key of the engine that speaks now
        self._engines: dict[str, str] = {}  # of the jobs in work: the one that they began with

    def adopt_engine(self, engine: str) -> None:
        """From now on this one (its key) speaks; what others have begun is nobody's alone."""
        if engine != self.engine:
            self._engines = dict.fromkeys(self._engines, "")
        self.engine = engine

    def expect(self, job: str, *, is_fresh: bool) -> None:
        """A job has arrived. Its clips can be taken over later if one engine has spoken them all."""
        self._engines[job] = self.engine if is_fresh else ""

    def publish(self, ending: Ending, device_names: Mapping[str, str]) -> None:
        """Report and publish a job that is over now."""
        begun = self._engines.pop(ending.name, "")
        engine = begun if begun == self.engine else ""
        now = time.time()
        result = make_result(ending, rfc3339(now - ending.wall_s), rfc3339(now), device_names)
        _say_end(result)
        self.num_under_way += 1
        self._group.create_task(self._publish(result, ending.job, engine), name=f"publish {ending.name}")

    def finish(self, folder: Path) -> None:
        """Go on with a publish that a crash cut."""
        self.num_under_way += 1
        self._group.create_task(self._finish(folder), name=f"finish {folder.name}")

    def stop(self) -> None:
        """From now on what the disk refuses is not tried again."""
        self._stop.set()

    async def _publish(self, result: Result, job: Job | None, engine: str) -> None:
        published = await self._until_it_goes(result.job, lambda: self._write(result, job, engine))
        self.num_under_way -= 1
        self._post(published or Unpublished(result.job))

    async def _finish(self, folder: Path) -> None:
        spool = self._spool
        goes = await self._until_it_goes(
            folder.name, lambda: (finish(folder, spool.outbox, spool.archive, spool.disk),)
        )
        self.num_under_way -= 1
        self._post(Finished(folder.name) if goes else Unpublished(folder.name))

    async def _until_it_goes(self, job: str, work: Callable[[], _T]) -> _T | None:
        """Try until the disk takes it; None if it did not before the daemon was told to stop."""
        pause_s = 1.0
        while True:
            try:
                done = await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except (SpoolError, OSError) as error:
                self._faults.met(f"job {job}", error)
            else:
                self._faults.over(f"job {job}")
                return done
            if self._stop.is_set():
                return None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _write(self, result: Result, job: Job | None, engine: str) -> Published:
        """Blocking: render, stage, sync, rename."""
        try:
            if job is not None and engine:
                result = with_keys(result, job, engine, self._digests(result.job))
            return Published(result.job, result, self._stage(result))
        except ClipsGone as gone:
            _log.error("[Main] %s: %s", result.job, gone, extra={"job": result.job})
            result = without_clips(result, gone.clips, "its clip was taken away before the job was published")
            return Published(result.job, result, self._stage(result))

    def _digests(self, job: str) -> Callable[[str, str], str]:
        out = self._spool.work / job / OUT

        def digest(clip: str, key: str) -> str:
            try:
                return digest_of((out / clip).read_bytes(), key, self._secret)
            except FileNotFoundError:
                return ""  # taken away: staging will say so

        return digest

    def _stage(self, result: Result) -> Path:
        rendered = _rendered(result)
        folder = self._spool.work / result.job
        folder.mkdir(exist_ok=True)  # somebody may have removed it under the running job
        self._job_log.finish_job(result.job)
        files = {
            "summary.txt": rendered.text.encode(),
            "summary.html": rendered.html.encode(),
            "result.json": result_json(result),
            "job.log": _read(folder / OUT / "job.log"),
        }
        clips = [s.clip for speaker in result.speakers for s in speaker.segments if s.clip]
        spool = self._spool
        return publish(folder, files, clips, spool.outbox, spool.archive, disk=spool.disk)


def _rendered(result: Result) -> Rendered:
    """The summaries; a fault of ours in drawing them costs only them."""
    try:
        return render(result)
    except Exception:  # noqa: BLE001 - one bad job stops nothing else
        _log.exception("[Main] %s: no summary can be drawn; result.json says it all", result.job)
        return Rendered("This summary could not be drawn; see result.json.\n", "See result.json.\n")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return b""


def _say_end(result: Result) -> None:
    """The job's last line in its own log and the daemon's."""
    totals = result.totals
    spoken = f"{totals.done} of {totals.segments} segments, {totals.audio_s:.1f} s of speech"
    speed = f" in {totals.wall_s:.1f} s ({times_real_time(totals.speech_rate)})" if totals.done else ""
    level = logging.INFO if result.status == "done" else logging.WARNING
    extra = {"job": result.job}
    for fault in result.errors:
        _log.log(level, "[Main] %s: %s", result.job, fault, extra=extra)
    _log.log(level, "[Main] %s: %s: %s%s", result.job, result.status.value, spoken, speed, extra=extra)
