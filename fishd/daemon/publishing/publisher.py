"""A job that is over -> its report, and its way out of work/ into the outbox.

Jobs that are over at the same time are published together, and large ones apart from them. What the disk
refuses is said once and tried again: the bundle and every clip stay where they are until it goes. Clips that
somebody took away while the job ran are failed segments of its result.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fishd.core.model.clip_key import with_keys
from fishd.core.model.job import Job
from fishd.core.model.job_result import make_result
from fishd.core.model.missing_clips import without_clips
from fishd.core.model.outcome import JobOutcome
from fishd.core.model.result import Result
from fishd.core.text.humanize import times_real_time
from fishd.daemon.clock import rfc3339
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.publishing.batch import BatchExecutor
from fishd.host.log.job_log import JobLog
from fishd.spool.errors import SpoolError
from fishd.spool.outbox.publish import PublishRequest, archived_as, finish, publish_all
from fishd.spool.outbox.reuse import digest_of
from fishd.spool.outbox.staging import ClipsMissing
from fishd.spool.root import Spool
from fishd.view.report.summary import Rendered, render, result_json

_log = logging.getLogger("fishd.publisher")
AT_ONCE = 16  # jobs that share their syncs
LARGE = 500  # segments: such a job has a lane of its own, and no small one waits for it
LONGEST_PAUSE_S = 60.0


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
class PublishAbandoned:
    """The daemon stops before the disk took this job's result: it is made again at the next start."""

    job: str


@dataclass(frozen=True, slots=True)
class _FinishedJob:
    """A job that is over; `engine`: the key of the one that has spoken it all, if there is one."""

    result: Result
    job: Job | None
    engine: str
    hashes: Mapping[str, str]  # of each clip's bytes, by its path


_Attempt = Callable[[], Awaitable[Published | Finished | Exception]]


class Publisher:
    """Owns what is on its way out. `post` takes a Published for each job, or an Unpublished."""

    def __init__(
        self,
        spool: Spool,
        job_log: JobLog,
        group: asyncio.TaskGroup,
        faults: DiskErrorTracker,
        post: Callable[[Published | Finished | PublishAbandoned], None],
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
        self._small = BatchExecutor("publish", self._write, AT_ONCE)
        self._large = BatchExecutor("publish-large", self._write, 1)
        self._refused: set[str] = set()  # jobs that the disk has refused: they may be out by half
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

    def publish(self, ending: JobOutcome, device_names: Mapping[str, str]) -> None:
        """Report and publish a job that is over now."""
        begun = self._engines.pop(ending.name, "")
        engine = begun if begun == self.engine else ""
        now = time.time()
        result = make_result(ending, rfc3339(now - ending.wall_s), rfc3339(now), device_names)
        _say_end(result)
        lane = self._large if result.totals.segments > LARGE else self._small
        self._send(
            result.job, partial(lane.submit, _FinishedJob(result, ending.job, engine, _hashes(ending)))
        )

    def resume(self, folder: Path) -> None:
        """Go on with a publish that a crash cut."""
        self._send(folder.name, lambda: asyncio.to_thread(self._finish_cut, folder))

    def stop(self) -> None:
        """From now on what the disk refuses is not tried again."""
        self._stop.set()

    def _send(self, job: str, attempt: _Attempt) -> None:
        self.num_under_way += 1
        self._group.create_task(self._until_it_goes(job, attempt), name=f"publish {job}")

    async def _until_it_goes(self, job: str, attempt: _Attempt) -> None:
        """Try until the disk takes it, or the daemon was told to stop before that."""
        pause_s = 1.0
        while isinstance(end := await attempt(), Exception):
            self._faults.report(f"job {job}", end)
            if self._stop.is_set():
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        else:
            self._faults.resolve(f"job {job}")
        self.num_under_way -= 1
        self._post(PublishAbandoned(job) if isinstance(end, Exception) else end)

    # ---- in threads --------------------------------------------------------------------------------

    def _finish_cut(self, folder: Path) -> Finished | Exception:
        spool = self._spool
        try:
            finish(folder, spool.outbox, spool.archive, spool.disk)
        except (SpoolError, OSError) as error:
            return error
        return Finished(folder.name)

    def _write(self, overs: Sequence[_FinishedJob]) -> list[Published | Exception]:
        """Render, stage, sync, rename. A job whose clips are gone is published without them."""
        ends: list[Published | Exception] = []
        for over, first in zip(overs, self._try(overs), strict=True):
            result, end = over.result, first
            if isinstance(end, ClipsMissing):
                _log.error("[Main] %s: %s", result.job, end, extra={"job": result.job})
                what = "its clip was taken away before the job was published"
                result = without_clips(result, end.clips, what)
                (end,) = self._try([replace(over, result=result)])
            if isinstance(end, Path):
                self._refused.discard(result.job)
                self._job_log.forget_job(result.job)
                ends.append(Published(result.job, result, end))
            else:
                self._refused.add(result.job)
                ends.append(end)
        return ends

    def _try(self, overs: Sequence[_FinishedJob]) -> list[Path | Exception]:
        parcels: dict[int, PublishRequest] = {}
        ends: dict[int, Path | Exception] = {}
        for number, over in enumerate(overs):
            try:
                parcels[number] = self._parcel(over)
            except (SpoolError, OSError) as error:
                ends[number] = error
        spool = self._spool
        published = publish_all(list(parcels.values()), spool.outbox, spool.archive, disk=spool.disk)
        ends |= zip(parcels, published, strict=True)
        return [ends[number] for number in range(len(overs))]

    def _digests(self, hashes: Mapping[str, str]) -> Callable[[str, str], str]:
        return lambda clip, key: digest_of(hashes[clip], key, self._secret)

    def _parcel(self, over: _FinishedJob) -> PublishRequest:
        result = over.result
        if over.job is not None and over.engine:
            result = with_keys(result, over.job, over.engine, self._digests(over.hashes))
        folder = self._spool.work / result.job
        rendered = _rendered(result, archived_as(folder, self._spool.outbox, self._spool.archive))
        files = {
            "summary.txt": rendered.text.encode(),
            "summary.html": rendered.html.encode(),
            "result.json": result_json(result),
            "job.log": self._job_log.finish_job(result.job),
        }
        clips = [s.clip for speaker in result.speakers for s in speaker.segments if s.clip]
        return PublishRequest(folder, files, clips, again=result.job in self._refused)


def _hashes(ending: JobOutcome) -> Mapping[str, str]:
    return {end.clip.path: end.clip.content_hash for row in ending.segments for end in row if end.clip}


def _rendered(result: Result, bundle: str) -> Rendered:
    """The summaries; a fault of ours in drawing them costs only them."""
    try:
        return render(result, bundle)
    except Exception:  # noqa: BLE001 - one bad job stops nothing else
        _log.exception("[Main] %s: no summary can be drawn; result.json says it all", result.job)
        return Rendered("This summary could not be drawn; see result.json.\n", "See result.json.\n")


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
