"""The daemon's state as a Status, derived from the dispatcher."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from fishd import __version__
from fishd.core.dispatch.devices import DeviceState
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.job_state import JobRecord
from fishd.core.dispatch.worker_state import WorkerRecord, WorkerState
from fishd.core.model.job import JobStatus
from fishd.core.model.outcome import JobOutcome
from fishd.core.model.result import Result
from fishd.core.model.status import (
    DeviceSnapshot,
    GpuSnapshot,
    JobSnapshot,
    RecentError,
    Status,
    WorkerSnapshot,
)
from fishd.core.sizing.model import Gpu
from fishd.core.text.timestamps import rfc3339

MAX_ERRORS = 20
MAX_ERRORS_A_JOB = 3
MAX_JOBS = 200


@dataclass(slots=True)
class RunTotals:
    """Since the daemon started."""

    jobs: int = 0
    segments: int = 0
    doubtful: int = 0
    audio_s: float = 0.0


@dataclass(slots=True)
class StatusBuilder:
    """Collects errors and totals, and derives everything else from the dispatcher."""

    started: str
    engine: str
    spool: str
    pid_of: Callable[[int], int | None]
    # The mutable state.
    totals: RunTotals = field(default_factory=RunTotals)
    waiting: int = 0
    reloads: int = 0
    config_faults: tuple[str, ...] = ()
    config_read_at: str = ""
    _errors: deque[RecentError] = field(default_factory=lambda: deque[RecentError](maxlen=MAX_ERRORS))

    def add_error(self, where: str, what: str, at: str = "") -> None:
        """`at` is RFC 3339; now by default."""
        self._errors.append(RecentError(at or rfc3339(time.time()), where, what))

    def config_read(self, read_at: str, faults: tuple[str, ...]) -> None:
        """The configuration was read again at that moment; with faults it was not adopted."""
        self.reloads += 1
        self.config_read_at = read_at
        self.config_faults = faults

    def add_result(self, result: Result) -> None:
        self.totals.jobs += 1
        self.totals.segments += result.totals.done
        self.totals.doubtful += result.totals.doubtful
        self.totals.audio_s = round(self.totals.audio_s + result.totals.audio_s, 3)
        if result.status is JobStatus.REJECTED:  # failed segments were reported when they failed
            for fault in result.errors[:MAX_ERRORS_A_JOB]:
                self.add_error(f"{result.job}: {fault.where}", fault.what, at=result.finished)

    def snapshot(
        self,
        dispatcher: Dispatcher,
        gpus: Sequence[Gpu],
        names: Mapping[str, str],
        assembling: Iterable[JobOutcome],
        *,
        at: str,
        now: float,
    ) -> Status:
        """The state at `now` (monotonic, in seconds), which is `at` in RFC 3339."""
        workers = dispatcher.workers
        jobs = [_job(job, now) for job in islice(dispatcher.jobs.values(), MAX_JOBS)]
        jobs += [_assembling(outcome) for outcome in assembling]
        return Status(
            version=__version__,
            pid=os.getpid(),
            at=at,
            started=self.started,
            state=self._state(dispatcher),
            engine=dispatcher.engine or self.engine,
            spool=self.spool,
            jobs=tuple(jobs),
            waiting=self.waiting,
            workers=tuple(
                self._worker(dispatcher, worker, names.get(worker.device, worker.device))
                for worker in workers.by_id.values()
            ),
            gpus=tuple(
                GpuSnapshot(
                    gpu.index, gpu.name, gpu.total_gb, gpu.free_gb, _wanted(dispatcher, gpu), gpu.node
                )
                for gpu in gpus
            ),
            errors=tuple(self._errors),
            jobs_done=self.totals.jobs,
            segments_done=self.totals.segments,
            segments_doubtful=self.totals.doubtful,
            audio_s=self.totals.audio_s,
            reloads=self.reloads,
            config_faults=self.config_faults,
            posts=tuple(_device(device, workers.by_id.values()) for device in workers.devices.values()),
            config_read_at=self.config_read_at,
        )

    @staticmethod
    def _state(dispatcher: Dispatcher) -> str:
        if dispatcher.stopping_since is not None:
            return "draining"
        return "running" if any(dispatcher.workers.ready()) else "starting"

    def _worker(self, dispatcher: Dispatcher, worker: WorkerRecord, name: str) -> WorkerSnapshot:
        device = dispatcher.workers.devices.get(worker.device)
        return WorkerSnapshot(
            worker=worker.id,
            device=worker.device,
            device_name=name,
            state=worker.state.value if worker.state is not WorkerState.GONE else "draining",
            slots=worker.slots,
            in_hand=len(worker.takes),
            takes=worker.num_spoken,
            restarts=device.restarts if device else 0,
            memory_gb=worker.memory_gb,
            pid=self.pid_of(worker.id),
            last_fault=device.last_fault if device else "",
            peak_gb=worker.peak_gb,
        )


def _wanted(dispatcher: Dispatcher, gpu: Gpu) -> int:
    device = dispatcher.workers.devices.get(gpu.device)
    return device.wanted if device else 0


def _device(device: DeviceState, workers: Iterable[WorkerRecord]) -> DeviceSnapshot:
    return DeviceSnapshot(
        device=device.plan.device,
        label=device.plan.label,
        wanted=device.wanted,
        workers=sum(worker.is_serving for worker in workers if worker.device == device.plan.device),
        restarts=device.restarts,
        broken=device.is_broken,
        fewer=device.oom_reduction,
        last_fault=device.last_fault,
    )


def _job(job: JobRecord, now: float) -> JobSnapshot:
    read = job.arrived.job
    total = read.num_segments if read else 0
    elapsed_s = 0.0 if job.started_at is None else now - job.started_at
    ended = job.num_done + job.num_failed
    eta_s = elapsed_s * (total - ended) / ended if ended else None
    return JobSnapshot(
        name=job.name,
        title=read.title if read else job.name,
        state=_state_of(job),
        priority=job.priority,
        done=job.num_done,
        failed=job.num_failed,
        total=total,
        audio_s=round(job.audio_s, 1),
        rate=round(job.audio_s / elapsed_s, 2) if elapsed_s > 0 else 0.0,
        elapsed_s=round(elapsed_s, 1),
        eta_s=None if eta_s is None else round(eta_s, 1),
        doubtful=job.num_doubtful,
    )


def _assembling(outcome: JobOutcome) -> JobSnapshot:
    """A job that is spoken, and whose clips and tracks are being made; its rate is that of the speaking."""
    clips = [end.clip for row in outcome.segments for end in row]
    audio_s = sum(clip.duration_s for clip in clips if clip)
    done = sum(clip is not None for clip in clips)
    return JobSnapshot(
        name=outcome.name,
        title=outcome.job.title if outcome.job else outcome.name,
        state="assembling",
        priority=outcome.job.priority if outcome.job else 0,
        done=done,
        failed=len(clips) - done,
        total=len(clips),
        audio_s=round(audio_s, 1),
        rate=round(audio_s / outcome.wall_s, 2) if outcome.wall_s > 0 else 0.0,
        elapsed_s=round(outcome.wall_s, 1),
    )


def _state_of(job: JobRecord) -> str:
    if job.is_being_checked:
        return "reading"
    return "speaking" if job.num_in_flight or job.num_done else "waiting"
