"""Has a job that is over assembled, reports it, and moves its result out of work/ into the outbox.

Jobs that end at the same time are published together, large ones apart from them. What the disk refuses is
retried: the bundle and every clip stay in work/ until it succeeds. Clips that somebody removed while the job
ran become failed segments of its result.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec

from fishd.core.model.clip_key import with_keys
from fishd.core.model.job import Clip, Fault
from fishd.core.model.job_result import make_result
from fishd.core.model.outcome import JobOutcome, without_clips
from fishd.core.model.result import Result
from fishd.core.text.humanize import times_real_time
from fishd.core.text.timestamps import rfc3339
from fishd.daemon.backoff import Backoff
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.publishing.assembler import Assembler, Stopped
from fishd.daemon.publishing.assembly import Assembly
from fishd.daemon.publishing.batch import BatchExecutor
from fishd.daemon.publishing.delivered import with_delivery
from fishd.daemon.publishing.hooks import pending_hooks
from fishd.host.log.job_log import JobLog
from fishd.spool.errors import SpoolError
from fishd.spool.outbox.publish import PublishRequest, archived_as, finish, publish_all
from fishd.spool.outbox.reuse import digest_of
from fishd.spool.outbox.staging import ClipsMissing
from fishd.spool.root import Spool
from fishd.spool.work_folder import FINAL
from fishd.view.report.summary import Rendered, render, result_json
from fishd.wire.assembly import AssemblyResult

_log = logging.getLogger("fishd.publisher")
BATCH_JOBS = 16  # that share their syncs
LARGE_SEGMENTS = 500  # a job with more is published apart, so that no small one waits for it
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Published:
    """A job's result is in the outbox, at `path`."""

    job: str
    result: Result
    path: Path


@dataclass(frozen=True, slots=True)
class PublishResumed:
    """A publication that a crash had interrupted is complete; the result is at `path`."""

    job: str
    path: Path


@dataclass(frozen=True, slots=True)
class PublishAbandoned:
    """The daemon stops before the disk accepted the result: the next start publishes it."""

    job: str


PublishEnded = Published | PublishResumed | PublishAbandoned
_Attempt = Callable[[], Awaitable[Published | PublishResumed | Exception]]


@dataclass(frozen=True, slots=True)
class _FinishedJob:
    """A job that is over. `report` makes the result of an outcome; `made` is what was assembled of it."""

    outcome: JobOutcome
    report: Callable[[JobOutcome], Result]
    result: Result
    made: AssemblyResult | None = None


class Publisher:
    """Owns the jobs on their way to the outbox. `post` gets one PublishEnded for each."""

    def __init__(
        self,
        spool: Spool,
        job_log: JobLog,
        group: asyncio.TaskGroup,
        disk_errors: DiskErrorTracker,
        post: Callable[[PublishEnded], None],
        *,
        secret: bytes,
    ) -> None:
        """`secret` signs clips for reuse; see spool/outbox/reuse.py."""
        self._spool = spool
        self._secret = secret
        self._job_log = job_log
        self._group = group
        self._disk_errors = disk_errors
        self._post = post
        self._assembler = Assembler(spool.disk)
        self._small = BatchExecutor("publish", self._publish, BATCH_JOBS)
        self._large = BatchExecutor("publish-large", self._publish, 1)
        # The mutable state.
        self.num_under_way = 0
        self.assembling: set[str] = set()  # jobs
        self.has_hooks = False  # is there a hook to run for what is published?
        self._stop = asyncio.Event()
        self._refused: set[str] = set()  # jobs that the disk has refused: they may be half published

    def publish(self, outcome: JobOutcome, device_names: Mapping[str, str]) -> None:
        """Report and publish a job that is over now."""
        job = outcome.job
        has_clips = any(end.clip for row in outcome.segments for end in row)
        if job is not None and job.is_assembled and has_clips:
            assembly = Assembly(outcome, job, self._spool.work / outcome.name)
            self._start(outcome.name, partial(self._assemble, assembly, device_names))
        else:
            finished = _finished(outcome, device_names)
            _log_result(finished.result)
            self._start(outcome.name, partial(self._submit, finished))

    def resume(self, folder: Path) -> None:
        """Complete a publication that a crash interrupted."""
        self._start(folder.name, lambda: asyncio.to_thread(self._resume, folder))

    def stop(self) -> None:
        """Assemble and retry nothing from now on."""
        self._stop.set()
        self._assembler.stop()

    def _start(self, job: str, attempt: _Attempt) -> None:
        self.num_under_way += 1
        self._group.create_task(self._run(job, attempt), name=f"publish {job}")

    async def _run(self, job: str, attempt: _Attempt) -> None:
        """Retry until the disk accepts the result, or the daemon stops."""
        backoff = Backoff(self._stop, LONGEST_PAUSE_S)
        while isinstance(end := await attempt(), Exception):
            self._disk_errors.report(f"job {job}", end)
            if self._stop.is_set():
                break
            await backoff.pause()
        else:
            self._disk_errors.resolve(f"job {job}")
        self.num_under_way -= 1
        self._post(PublishAbandoned(job) if isinstance(end, Exception) else end)

    async def _assemble(
        self, assembly: Assembly, device_names: Mapping[str, str]
    ) -> Published | PublishResumed | Exception:
        """Assemble the job unless an earlier attempt has, then publish it."""
        job = assembly.job.name
        self.assembling.add(job)
        try:
            outcome, made = await assembly.run(self._assembler)
        except (OSError, SpoolError, Stopped) as error:
            return error
        finally:
            self.assembling.discard(job)
        finished = _finished(outcome, device_names)
        if isinstance(made, AssemblyResult):
            result = with_delivery(finished.result, outcome, assembly.job, made)
            finished = replace(finished, result=result, made=made)
        else:
            what = f"cannot be built: {made.where}: {made.what}; the clips are as they were spoken"
            warnings = (*finished.result.warnings, Fault("tracks", what))
            finished = replace(finished, result=msgspec.structs.replace(finished.result, warnings=warnings))
        if not assembly.is_reported:
            assembly.is_reported = True
            _log_result(finished.result)
        return await self._submit(finished)

    async def _submit(self, finished: _FinishedJob) -> Published | Exception:
        is_large = finished.result.totals.segments > LARGE_SEGMENTS
        return await (self._large if is_large else self._small).submit(finished)

    # ---- blocking, in threads ----------------------------------------------------------------------

    def _resume(self, folder: Path) -> PublishResumed | Exception:
        spool = self._spool
        try:
            path = finish(folder, spool.outbox, spool.archive, spool.disk, self._hooks())
        except (SpoolError, OSError) as error:
            return error
        return PublishResumed(folder.name, path)

    def _publish(self, jobs: Sequence[_FinishedJob]) -> list[Published | Exception]:
        """Render, stage, sync, rename. A job whose clips are gone is published without them."""
        ends: list[Published | Exception] = []
        for finished, first in zip(jobs, self._attempt(jobs), strict=True):
            job, end, name = finished, first, finished.outcome.name
            if isinstance(end, ClipsMissing):
                _log.error("[Main] %s: %s", name, end, extra={"job": name})
                job = _without_clips(job, end.clips)
                (end,) = self._attempt([job])
            if isinstance(end, Path):
                self._refused.discard(name)
                self._job_log.forget_job(name)
                ends.append(Published(name, job.result, end))
            else:
                self._refused.add(name)
                ends.append(end)
        return ends

    def _attempt(self, jobs: Sequence[_FinishedJob]) -> list[Path | Exception]:
        requests: dict[int, PublishRequest] = {}
        ends: dict[int, Path | Exception] = {}
        for number, job in enumerate(jobs):
            try:
                requests[number] = self._request(job)
            except (SpoolError, OSError) as error:
                ends[number] = error
        spool = self._spool
        published = publish_all(
            list(requests.values()), spool.outbox, spool.archive, disk=spool.disk, hooks=self._hooks()
        )
        ends |= zip(requests, published, strict=True)
        return [ends[number] for number in range(len(jobs))]

    def _request(self, job: _FinishedJob) -> PublishRequest:
        outcome, result = job.outcome, job.result
        if outcome.job is not None and outcome.engine_key:
            result = with_keys(result, outcome.job, outcome.engine_key, self._digests(outcome))
        folder = self._spool.work / result.job
        rendered = _render(result, archived_as(folder, self._spool.outbox, self._spool.archive))
        files = {
            "summary.txt": rendered.text.encode(),
            "summary.html": rendered.html.encode(),
            "result.json": result_json(result),
            "job.log": self._job_log.finish_job(result.job),
        }
        again = result.job in self._refused
        if job.made is not None:
            clips = [file.path for file in job.made.files]
            return PublishRequest(folder, files, clips, again=again, tree=FINAL)
        links = {published: clip.path for published, clip in _published_clips(outcome).items()}
        if all(published == path for published, path in links.items()):
            return PublishRequest(folder, files, links, again=again)
        return PublishRequest(folder, files, links, again=again, tree=FINAL, links=links)

    def _digests(self, outcome: JobOutcome) -> Callable[[str, str], str]:
        clips = _published_clips(outcome)
        return lambda clip, key: digest_of(clips[clip].content_hash, key, self._secret)

    def _hooks(self) -> Path | None:
        return pending_hooks(self._spool.root) if self.has_hooks else None


def _published_clips(outcome: JobOutcome) -> dict[str, Clip]:
    """The clips by the paths that they have in a result that is not assembled."""
    if outcome.job is None:
        return {}
    return {
        segment.take_clip: clip
        for s, n, segment in outcome.job.segments()
        if (clip := outcome.segments[s][n].clip) is not None
    }


def _finished(outcome: JobOutcome, device_names: Mapping[str, str]) -> _FinishedJob:
    now = time.time()
    started, finished = rfc3339(now - outcome.wall_s), rfc3339(now)
    report = partial(make_result, started=started, finished=finished, device_names=device_names)
    return _FinishedJob(outcome, report, report(outcome))


def _without_clips(job: _FinishedJob, paths: frozenset[str]) -> _FinishedJob:
    """The job without clips that somebody has removed; what was assembled with them is not used."""
    outcome = without_clips(job.outcome, paths, "its clip was removed before the job was published")
    return _FinishedJob(outcome, job.report, job.report(outcome))


def _render(result: Result, bundle: str) -> Rendered:
    """The summaries; a bug in rendering them costs nothing else."""
    try:
        return render(result, bundle)
    except Exception:  # noqa: BLE001 - one bad job stops nothing else
        _log.exception("[Main] %s: the summary cannot be rendered; result.json is complete", result.job)
        return Rendered("This summary could not be rendered; see result.json.\n", "See result.json.\n")


def _log_result(result: Result) -> None:
    """The job's last lines in its own log and the daemon's."""
    totals = result.totals
    spoken = f"{totals.done} of {totals.segments} segments, {totals.audio_s:.1f} s of speech"
    speed = f" in {totals.wall_s:.1f} s ({times_real_time(totals.speech_rate)})" if totals.done else ""
    level = logging.INFO if result.status == "done" else logging.WARNING
    extra = {"job": result.job}
    for fault in result.errors:
        _log.log(level, "[Main] %s: %s", result.job, fault, extra=extra)
    _log.log(level, "[Main] %s: %s: %s%s", result.job, result.status.value, spoken, speed, extra=extra)
