"""The dispatcher: events in, actions out. It neither awaits, nor reads a clock, nor touches a disk.

Theory. A job arrives as speakers with segments. Before its first take, workers check its input: is each
reference clip audio, does the engine accept its options and languages. Then its segments wait. Whenever a
worker has a free slot, it gets the next waiting segment as a take: by priority, then round robin between
jobs, then of a speaker whose voice the worker has enrolled, then of the speaker with the most left, the
longest text first. A take ends as spoken, as failed (perhaps to be retried with another seed), or is lost
with its worker and goes to another one. A segment whose take was found faulty is spoken again; if no take is
without fault, the best one is kept. A segment gets at most `max_takes` takes; one that was in flight when
workers died gets its last take alone, so that a poison segment fails by itself. A take that was lost with
its node is not counted, but for a segment to which it happens over and over. A job with nothing waiting
and nothing in flight is over, and its outcome is handed out.

Invariants: a segment is in flight at most once; no worker holds more takes than it has slots; a job's counts
add up to its segments; every job that arrived is either here or was finished exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from fishd.core.dispatch.actions import (
    Action,
    DropTake,
    Exit,
    FinishJob,
    ForgetTakes,
    ListenToTake,
    LogMessage,
)
from fishd.core.dispatch.assignment import assign_takes
from fishd.core.dispatch.events import (
    CancelRequested,
    CheckCompleted,
    Event,
    JobArrived,
    PlanChanged,
    PoolPlan,
    StopRequested,
    TakeCompleted,
    TakeFailed,
    TakeHeard,
    TakeSynthesized,
    Tick,
    WorkerGone,
    WorkerProgressed,
    WorkerReady,
)
from fishd.core.dispatch.fairness import FairQueue
from fishd.core.dispatch.job_outcome import make_outcome
from fishd.core.dispatch.job_state import JobRecord
from fishd.core.dispatch.take_endings import on_heard, on_no_clip, on_spoken
from fishd.core.dispatch.validation import Validation
from fishd.core.dispatch.worker_state import InFlightTake, WorkerRecord
from fishd.core.dispatch.workers import MAX_UNCOUNTED, Workers


class Dispatcher:
    """Owns all scheduling state; called by one task only."""

    def __init__(self, plan: PoolPlan) -> None:
        # The mutable state.
        self.workers = Workers(plan)
        self.jobs: dict[str, JobRecord] = {}
        self.stopping_since: float | None = None
        self.engine = ""
        self.remark = ""
        self._validation = Validation()
        self._queue = FairQueue(lambda job: job.is_dispatchable)
        self._next_serial = 0
        self._exited = False

    @property
    def is_idle(self) -> bool:
        return not self.jobs

    def next_deadline(self, now: float) -> float | None:
        return self.workers.next_deadline(now)

    def in_flight(self, worker_id: int, take: str) -> InFlightTake | None:
        worker = self.workers.by_id.get(worker_id)
        return worker.takes.get(take) if worker else None

    def handle(self, event: Event, now: float) -> list[Action]:
        """Apply one event; return everything that follows from it. `now` is monotonic, in seconds."""
        actions = list(self._apply(event, now))
        actions += self.workers.overdue(now)
        if self.stopping_since is None:
            actions += self.workers.reconcile(now)
            actions += self._validation.assign(self.workers.ready(), now)
            actions += assign_takes(self.workers, self._queue, now)
        else:
            actions += self._wind_down(now)
        return actions

    def _apply(self, event: Event, now: float) -> Iterator[Action]:
        match event:
            case JobArrived():
                yield from self._on_job_arrived(event, now)
            case WorkerReady():
                yield from self._on_worker_ready(event, now)
            case WorkerProgressed():
                yield from self._on_worker_progressed(event, now)
            case CheckCompleted():
                yield from self._on_check_completed(event, now)
            case TakeSynthesized():
                self._on_take_synthesized(event, now)
            case TakeCompleted():
                yield from self._on_take_completed(event, now)
            case TakeHeard():
                yield from self._on_take_heard(event, now)
            case TakeFailed():
                yield from self._on_take_failed(event, now)
            case WorkerGone():
                yield from self._on_worker_gone(event, now)
            case PlanChanged():
                self._on_plan_changed(event)
            case CancelRequested():
                yield from self._on_cancel_requested(event, now)
            case StopRequested():
                yield from self._on_stop_requested(now)
            case Tick():
                pass
            case _:  # pragma: no cover - pyright proves it is never reached
                assert_never(event)

    # ---- jobs --------------------------------------------------------------------------------------

    def _on_job_arrived(self, event: JobArrived, now: float) -> Iterator[Action]:
        assert event.name not in self.jobs, f"job {event.name!r} arrived twice"
        job = JobRecord(self._next_serial, event, now)
        self._next_serial += 1
        job.initialize(self.workers.plan.max_takes)
        if event.is_fresh and self.workers.is_one_generation:
            job.engine_key = self.workers.plan.engine_key
        self.jobs[job.name] = job
        self._validation.add(job)
        for s, n, clip in job.unheard():
            yield ListenToTake(job.job, s, n, clip)
        yield from self._advance(job, now)

    def _advance(self, job: JobRecord, now: float) -> Iterator[Action]:
        """Queue the job if it has work to hand out, or finish it if it is over."""
        if not job.is_being_checked and job.faults:
            job.fail_waiting("the bundle was not accepted")
        if job.is_over:
            del self.jobs[job.name]
            yield FinishJob(make_outcome(job, self.engine, self.remark, now))
        elif job.is_dispatchable:
            self._queue.add(job, again=bool(job.tallies))

    def _on_cancel_requested(self, event: CancelRequested, now: float) -> Iterator[Action]:
        job = self.jobs.get(event.job)
        if job is None:
            yield LogMessage("warning", f"[Main] no job {event.job!r} to cancel")
            return
        if any(job.unheard()):
            yield ForgetTakes(job.name)
        job.cancel()
        for worker in self.workers.by_id.values():
            for take, held in worker.takes.items():
                if held.job is job:
                    yield DropTake(worker.id, take)
        yield from self._advance(job, now)

    def _on_check_completed(self, event: CheckCompleted, now: float) -> Iterator[Action]:
        worker = self.workers.by_id.get(event.worker)
        job = worker.checks.pop(event.check, None) if worker else None
        if worker is None or job is None:
            return
        worker.progress_at = now
        self._validation.on_result(job, event.check, event.faults, event.warnings, event.features)
        if self.jobs.get(job.name) is job:
            yield from self._advance(job, now)

    def _on_plan_changed(self, event: PlanChanged) -> None:
        if event.plan.engine_key != self.workers.plan.engine_key:
            for job in self.jobs.values():
                job.engine_key = ""
        self.workers.adopt(event.plan)
        self._validation.reset()

    # ---- takes -------------------------------------------------------------------------------------

    def _on_take_synthesized(self, event: TakeSynthesized, now: float) -> None:
        worker = self.workers.by_id.get(event.worker)
        if worker is not None:
            worker.mark_synthesized(event.take)
            worker.progress_at = now

    def _on_take_completed(self, event: TakeCompleted, now: float) -> Iterator[Action]:
        worker, held = self._release_take(event.worker, event.take, now, spoken=True)
        if worker is None or held is None:
            return
        self.workers.on_take_completed(worker)
        s, n = held.order.speaker_index, held.order.segment_index
        yield from on_spoken(held.job, s, n, event.clip, self.workers.plan.max_takes)
        yield from self._advance(held.job, now)

    def _on_take_heard(self, event: TakeHeard, now: float) -> Iterator[Action]:
        job = self.jobs.get(event.job)
        if job is not None and not job.is_cancelled:
            s, n = event.speaker_index, event.segment_index
            yield from on_heard(job, s, n, event.clip, self.workers.plan.max_takes)
            yield from self._advance(job, now)

    def _on_take_failed(self, event: TakeFailed, now: float) -> Iterator[Action]:
        worker, held = self._release_take(event.worker, event.take, now, spoken=False)
        if worker is None or held is None:
            return
        yield from self._end_without_clip(held, event.reason, now, can_retry=event.retry, counted=True)

    def _release_take(
        self, worker_id: int, take: str, now: float, *, spoken: bool
    ) -> tuple[WorkerRecord | None, InFlightTake | None]:
        worker = self.workers.by_id.get(worker_id)
        held = worker.release(take) if worker else None
        if worker is None or held is None:
            return None, None
        worker.progress_at = now
        held.job.remove_in_flight(worker.id, now, spoken=spoken)
        return worker, held

    def _end_without_clip(
        self, held: InFlightTake, reason: str, now: float, *, can_retry: bool, counted: bool
    ) -> Iterator[Action]:
        most = self.workers.plan.max_takes
        yield from on_no_clip(held, reason, most, can_retry=can_retry, counted=counted)
        yield from self._advance(held.job, now)

    # ---- workers -----------------------------------------------------------------------------------

    def _on_worker_ready(self, event: WorkerReady, now: float) -> Iterator[Action]:
        worker = self.workers.by_id.get(event.worker)
        if worker is None:
            return
        worker.move("ready")
        worker.slots = max(1, event.slots)
        worker.progress_at = now
        worker.memory_gb = worker.peak_gb = event.memory_gb
        self.engine, self.remark = event.engine, event.remark
        yield from self.workers.check_initial_memory(worker)

    def _on_worker_progressed(self, event: WorkerProgressed, now: float) -> Iterator[Action]:
        worker = self.workers.by_id.get(event.worker)
        if worker is None:
            return
        worker.progress_at = now
        worker.memory_gb, worker.peak_gb = event.memory_gb, event.peak_gb
        worker.slots = event.slots or worker.slots
        yield from self.workers.check_memory(worker)

    def _on_worker_gone(self, event: WorkerGone, now: float) -> Iterator[Action]:
        worker = self.workers.by_id.get(event.worker)
        if worker is None:
            return
        blamed = self.workers.blames_takes(event, now)
        yield from self.workers.on_exit(event, now)
        for held in worker.takes.values():
            held.job.remove_in_flight(worker.id, now, spoken=False)
            record = held.job.records[held.order.speaker_index][held.order.segment_index]
            counted = blamed or record.uncounted >= MAX_UNCOUNTED
            record.uncounted += int(not counted)
            record.deaths += int(counted)
            reason = f"worker {worker.id} exited while speaking it ({event.reason})"
            yield from self._end_without_clip(held, reason, now, can_retry=True, counted=counted)
        for check, job in worker.checks.items():
            self._validation.on_worker_lost(
                job, check, event.reason, blamed=blamed, most=self.workers.plan.max_takes
            )
            if self.jobs.get(job.name) is job:
                yield from self._advance(job, now)

    # ---- the end -----------------------------------------------------------------------------------

    def _on_stop_requested(self, now: float) -> Iterator[Action]:
        if self.stopping_since is None:
            self.stopping_since = now
            return
        yield from self.workers.kill_all("the daemon stops at once")

    def _wind_down(self, now: float) -> Iterator[Action]:
        yield from self.workers.drain_all(now)
        if not self.workers.by_id and not self._exited:
            self._exited = True
            yield Exit()
