"""Has a job that is over assembled, reports it, and moves its result out of work/ into the outbox.

Jobs that end at the same time are published together, large ones apart from them. What the disk refuses is
retried: the bundle and every clip stay in work/ until it succeeds. Clips that somebody removed while the job
ran become failed segments of its result.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.core.model.outcome import JobOutcome
from fishd.core.model.result import Result
from fishd.core.revision.settle import settle, why_refused
from fishd.daemon.backoff import Backoff
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.publishing.assembler import Assembler
from fishd.daemon.publishing.assembly import Assembly, Stopped
from fishd.daemon.publishing.batch import BatchExecutor
from fishd.daemon.publishing.hooks import HookRunner
from fishd.daemon.publishing.refusal import RevisionRefused, refuse_revision
from fishd.daemon.publishing.report import (
    FinishedJob,
    files_of,
    log_result,
    report,
    without_former,
    without_removed,
)
from fishd.host.log.job_log import JobLog
from fishd.spool.errors import SpoolError
from fishd.spool.outbox.publish import PublishRequest, archived_as, finish, publish_all
from fishd.spool.outbox.replace import user_files
from fishd.spool.outbox.staging import ClipsMissing
from fishd.spool.root import Spool

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


PublishEnded = Published | PublishResumed | PublishAbandoned | RevisionRefused
_Attempt = Callable[[], Awaitable[PublishEnded | Exception]]


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
        hooks: HookRunner,
        secret: bytes,
    ) -> None:
        """`secret` signs clips for reuse; see spool/outbox/reuse.py."""
        self._spool = spool
        self._secret = secret
        self._job_log = job_log
        self._group = group
        self._disk_errors = disk_errors
        self._post = post
        self._hooks = hooks
        self._assembler = Assembler(spool.disk)
        self._small = BatchExecutor("publish", self._publish_batch, BATCH_JOBS)
        self._large = BatchExecutor("publish-large", self._publish_batch, 1)
        # The mutable state.
        self.num_under_way = 0
        self.assembling: dict[str, Assembly] = {}  # by job, until assembled
        self._stop = asyncio.Event()
        self._refused: set[str] = set()  # jobs that the disk has refused: they may be half published

    def publish(self, outcome: JobOutcome, device_names: Mapping[str, str]) -> None:
        """Report and publish a job that is over now. A revision is never worse than what it replaces."""
        if outcome.revision is not None:
            if faults := why_refused(outcome):
                self._start(outcome.name, partial(self._refuse, outcome.name, faults))
                return
            outcome = settle(outcome, outcome.revision)
        job = outcome.job
        has_clips = any(end.clip for row in outcome.segments for end in row)
        if job is not None and job.is_assembled and has_clips:
            assembly = Assembly(outcome, job, self._spool.work / outcome.name, device_names)
            self.assembling[outcome.name] = assembly
            self._start(outcome.name, partial(self._publish_assembled, assembly))
        else:
            finished = report(outcome, device_names)
            log_result(finished.result)
            self._start(outcome.name, partial(self._submit, finished))

    def resume(self, folder: Path) -> None:
        """Complete a publication that a crash interrupted."""
        self._start(folder.name, lambda: asyncio.to_thread(self._resume, folder))

    def cancel(self, job: str) -> None:
        """Publish a job that is assembling as it was spoken."""
        self.assembling[job].cancel()

    def stop(self) -> None:
        """Assemble and retry nothing from now on."""
        self._stop.set()
        for assembly in self.assembling.values():
            assembly.stop()

    def _start(self, job: str, attempt: _Attempt) -> None:
        self.num_under_way += 1
        self._group.create_task(self._run(job, attempt), name=f"publish {job}")

    async def _run(self, job: str, attempt: _Attempt) -> None:
        """Retry until the disk accepts the result, or the daemon stops."""
        backoff = Backoff(self._stop, LONGEST_PAUSE_S)
        while isinstance(end := await attempt(), Exception):
            self._disk_errors.report(f"job {job}", end)
            if self._stop.is_set():
                end = PublishAbandoned(job)
                break
            await backoff.pause()
        if not isinstance(end, PublishAbandoned):
            self._disk_errors.resolve(f"job {job}")
        self.num_under_way -= 1
        self._post(end)

    async def _publish_assembled(self, assembly: Assembly) -> PublishEnded | Exception:
        """Assemble the job unless an earlier attempt has, then publish it."""
        name = assembly.job.name
        if self._stop.is_set():
            return PublishAbandoned(name)
        try:
            finished = await assembly.run(self._assembler)
        except SpoolError as error:
            return error
        except Stopped:
            return PublishAbandoned(name)
        self.assembling.pop(name, None)
        if assembly.outcome.revision is not None and finished.made is None:
            return await self._refuse(name, assembly.why_not())
        end = await self._submit(finished)
        if isinstance(end, ClipsMissing):
            assembly.repeat()
            self.assembling[name] = assembly
        return end

    async def _submit(self, finished: FinishedJob) -> Published | Exception:
        is_large = finished.result.totals.segments > LARGE_SEGMENTS
        return await (self._large if is_large else self._small).submit(finished)

    async def _refuse(self, job: str, faults: Sequence[Fault]) -> RevisionRefused | Exception:
        self._job_log.finish_job(job)
        self._job_log.forget_job(job)
        try:
            return await asyncio.to_thread(refuse_revision, self._spool, self._spool.work / job, faults)
        except (SpoolError, OSError) as error:
            return error

    # ---- blocking, in threads ----------------------------------------------------------------------

    def _resume(self, folder: Path) -> PublishResumed | Exception:
        spool = self._spool
        try:
            path = finish(
                folder,
                spool.outbox,
                spool.archive,
                spool.disk,
                hooks=self._hooks.marks,
                takes=spool.takes,
            )
        except (SpoolError, OSError) as error:
            return error
        return PublishResumed(folder.name, path)

    def _publish_batch(self, jobs: Sequence[FinishedJob]) -> list[Published | Exception]:
        """A job whose clips were removed is published without them, unless they can be assembled again."""
        ends: list[Published | Exception] = []
        for job, first in zip(jobs, self._publish_all(jobs), strict=True):
            finished, end = job, first
            if isinstance(end, ClipsMissing) and job.made is None:
                _log.error("[Main] %s: %s", job.result.job, end, extra={"job": job.result.job})
                finished = without_removed(job, end.clips)
                (end,) = self._publish_all([finished])
            ends.append(self._ended(finished.result, end))
        return ends

    def _ended(self, result: Result, end: Path | Exception) -> Published | Exception:
        if isinstance(end, Exception):
            self._refused.add(result.job)
            return end
        self._refused.discard(result.job)
        self._job_log.forget_job(result.job)
        return Published(result.job, result, end)

    def _publish_all(self, jobs: Sequence[FinishedJob]) -> list[Path | Exception]:
        """Render, stage, sync, rename; of each job its result's folder, or why it stays in work/."""
        requests: dict[int, PublishRequest] = {}
        ends: dict[int, Path | Exception] = {}
        for number, job in enumerate(jobs):
            try:
                requests[number] = self._request(job)
            except (SpoolError, OSError) as error:
                ends[number] = error
        spool = self._spool
        published = publish_all(
            list(requests.values()),
            spool.outbox,
            spool.archive,
            disk=spool.disk,
            hooks=self._hooks.marks,
            takes=spool.takes,
        )
        ends |= zip(requests, published, strict=True)
        return [ends[number] for number in range(len(jobs))]

    def _request(self, job: FinishedJob) -> PublishRequest:
        name, spool, revision = job.result.job, self._spool, job.result.revision
        if revision and not os.path.lexists(spool.outbox / name):
            job = without_former(job)
        folder = spool.work / name
        references = {path: file for path, file in job.references.items() if os.path.lexists(file)}
        archived = archived_as(folder, spool.outbox, spool.archive, is_revision=revision > 0)
        files = files_of(job, archived, self._secret, references)
        files["job.log"] = self._job_log.finish_job(name)
        return PublishRequest(
            folder,
            user_files(spool.outbox / name) | files if revision else files,
            job.clips,
            again=name in self._refused,
            tree=job.tree,
            links=job.links,
            references=references,
            takes=job.result.takes_folder or "",
            revision=revision,
        )
