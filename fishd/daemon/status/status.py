"""What the daemon shows of itself: the dispatcher's state as a Status."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fishd import __version__
from fishd.core.dispatch.devices import DeviceState
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.job_state import JobRecord
from fishd.core.dispatch.workers import WorkerRecord
from fishd.core.dispatch.workers import WorkerState as CrewState
from fishd.core.model.job import JobStatus
from fishd.core.model.result import (
    DeviceSnapshot,
    GpuSnapshot,
    JobSnapshot,
    RecentError,
    Result,
    Status,
    WorkerSnapshot,
)
from fishd.core.sizing.model import Gpu

MAX_ERRORS = 20
MAX_ERRORS_A_JOB = 3
MAX_JOBS = 200


@dataclass(slots=True)
class RunTotals:
    """Since the daemon started."""

    jobs: int = 0
    segments: int = 0
    audio_s: float = 0.0


@dataclass(slots=True)
class StatusBuilder:
    """Collects what only passes by (errors, totals) and derives the rest from the dispatcher."""

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

    def add_error(self, at: str, where: str, what: str) -> None:
        """Something went wrong."""
        self._errors.append(RecentError(at, where, what))

    def config_read(self, read_at: str, faults: tuple[str, ...]) -> None:
        """The configuration was read anew at that moment; for these faults it was not taken."""
        self.reloads += 1
        self.config_read_at = read_at
        self.config_faults = faults

    def add_result(self, result: Result) -> None:
        """A job was published."""
        self.totals.jobs += 1
        self.totals.segments += result.totals.done
        self.totals.audio_s = round(self.totals.audio_s + result.totals.audio_s, 3)
        if result.status is JobStatus.REJECTED:  # what failed later was noted when it did
            for fault in result.errors[:MAX_ERRORS_A_JOB]:
                self.add_error(result.finished, f"{result.job}: {fault.where}", fault.what)

    def snapshot(
        self, dispatcher: Dispatcher, cards: Sequence[Gpu], names: Mapping[str, str], at: str, now: float
    ) -> Status:
        """The state at `now` (monotonic, seconds), which is `at` (RFC 3339) for people."""
        crew = dispatcher.workers
        jobs = [_job(job, now) for job, _ in zip(dispatcher.jobs.values(), range(MAX_JOBS), strict=False)]
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
                for worker in crew.by_id.values()
            ),
            gpus=tuple(
                GpuSnapshot(card.index, card.name, card.total_gb, card.free_gb, _wanted(dispatcher, card))
                for card in cards
            ),
            errors=tuple(self._errors),
            jobs_done=self.totals.jobs,
            segments_done=self.totals.segments,
            audio_s=self.totals.audio_s,
            reloads=self.reloads,
            config_faults=self.config_faults,
            posts=tuple(_post(book, crew.by_id.values()) for book in crew.devices.values()),
            config_read_at=self.config_read_at,
        )

    @staticmethod
    def _state(dispatcher: Dispatcher) -> str:
        if dispatcher.stopping_since is not None:
            return "draining"
        return "running" if any(dispatcher.workers.ready()) else "starting"

    def _worker(self, dispatcher: Dispatcher, worker: WorkerRecord, name: str) -> WorkerSnapshot:
        post = dispatcher.workers.devices.get(worker.device)
        return WorkerSnapshot(
            worker=worker.id,
            device=worker.device,
            device_name=name,
            state=worker.state.value if worker.state is not CrewState.GONE else "draining",
            slots=worker.slots,
            in_hand=len(worker.takes),
            takes=worker.num_spoken,
            restarts=post.restarts if post else 0,
            memory_gb=worker.memory_gb,
            pid=self.pid_of(worker.id),
            last_fault=post.last_fault if post else "",
            peak_gb=worker.peak_gb,
        )


def _wanted(dispatcher: Dispatcher, card: Gpu) -> int:
    post = dispatcher.workers.devices.get(f"gpu:{card.index}")
    return post.wanted if post else 0


def _post(book: DeviceState, workers: Iterable[WorkerRecord]) -> DeviceSnapshot:
    return DeviceSnapshot(
        device=book.plan.device,
        label=book.plan.label,
        wanted=book.wanted,
        workers=sum(worker.is_serving for worker in workers if worker.device == book.plan.device),
        restarts=book.restarts,
        broken=book.is_broken,
        fewer=book.oom_reduction,
        last_fault=book.last_fault,
    )


def _job(job: JobRecord, now: float) -> JobSnapshot:
    bundle = job.arrived.job
    total = bundle.num_segments if bundle else 0
    elapsed_s = 0.0 if job.started_at is None else now - job.started_at
    ended = job.num_done + job.num_failed
    eta_s = elapsed_s * (total - ended) / ended if ended else None
    return JobSnapshot(
        name=job.name,
        title=bundle.title if bundle else job.name,
        state=_state_of(job),
        priority=job.priority,
        done=job.num_done,
        failed=job.num_failed,
        total=total,
        audio_s=round(job.audio_s, 1),
        rate=round(job.audio_s / elapsed_s, 2) if elapsed_s > 0 else 0.0,
        elapsed_s=round(elapsed_s, 1),
        eta_s=None if eta_s is None else round(eta_s, 1),
    )


def _state_of(job: JobRecord) -> str:
    if job.is_being_checked:
        return "reading"
    return "speaking" if job.num_in_flight or job.num_done else "waiting"
