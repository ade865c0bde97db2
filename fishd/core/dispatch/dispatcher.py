"""The one brain: events in, actions out. It neither awaits, nor reads a clock, nor touches a disk.

Theory. A job arrives as a book of segments. Before its first take, workers answer its questions: is each
reference clip audio, does the engine take its options and languages. If all is well, its segments wait.
Whenever a worker has a free slot, the next waiting segment goes into its hand as a take: by priority, then
by turns between jobs, then of a speaker whose voice the worker knows, then of the speaker with the most
left, the longest text first. A take ends as spoken, as failed (perhaps to be tried with another seed), or
is lost with its worker; a lost take goes to another worker. A segment has at most `max_takes` takes; one
that was in hand when workers died gets its last take alone in a worker, so that a poison segment fails by
itself. When a job has nothing waiting and nothing in hand, it is over and its ending is handed out.

Invariants: a segment is in hand at most once; no worker holds more takes than it has slots; a job's counts
add up to its segments; every job that arrived is either here or was finished once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from fishd.core.dispatch.actions import Action, Exit, FinishJob, ForgetTake, Say
from fishd.core.dispatch.events import (
    CancelAsked,
    Event,
    JobArrived,
    PlanChanged,
    PoolPlan,
    QuestionAnswered,
    StopAsked,
    TakeFailed,
    TakeRecorded,
    TakeSpoken,
    Tick,
    WorkerGone,
    WorkerProgressed,
    WorkerReady,
)
from fishd.core.dispatch.fairness import FairQueue
from fishd.core.dispatch.job_outcome import make_ending
from fishd.core.dispatch.job_state import JobBook
from fishd.core.dispatch.take_order import clip_of, order_for
from fishd.core.dispatch.validation import Asking
from fishd.core.dispatch.worker_state import InHand, WorkerBook
from fishd.core.dispatch.workers import Crew


class Dispatcher:
    """Owns all scheduling state; called by one task only."""

    def __init__(self, plan: PoolPlan) -> None:
        # The mutable state.
        self.crew = Crew(plan)
        self.jobs: dict[str, JobBook] = {}
        self.stopping_since: float | None = None
        self.engine = ""
        self.remark = ""
        self._asking = Asking()
        self._queue = FairQueue(lambda job: job.speakable)
        self._next_serial = 0
        self._exited = False

    @property
    def idle(self) -> bool:
        return not self.jobs

    def next_deadline(self, now: float) -> float | None:
        return self.crew.next_deadline(now)

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one event in; say everything that follows from it. `now` is monotonic, in seconds."""
        actions = list(self._take_in(event, now))
        actions += self.crew.overdue(now)
        if self.stopping_since is None:
            actions += self.crew.reconcile(now)
            actions += self._asking.ask(self.crew.ready(), now)
            actions += self._hand_out(now)
        else:
            actions += self._wind_down(now)
        return actions

    def _take_in(self, event: Event, now: float) -> Iterator[Action]:
        match event:
            case JobArrived():
                yield from self._arrive(event, now)
            case WorkerReady():
                yield from self._ready(event, now)
            case WorkerProgressed():
                yield from self._progressed(event, now)
            case QuestionAnswered():
                yield from self._answered(event, now)
            case TakeRecorded():
                self._recorded(event, now)
            case TakeSpoken():
                yield from self._spoken(event, now)
            case TakeFailed():
                yield from self._failed(event, now)
            case WorkerGone():
                yield from self._gone(event, now)
            case PlanChanged():
                self.crew.adopt(event.plan)
                self._asking.forget()
            case CancelAsked():
                yield from self._cancel(event, now)
            case StopAsked():
                yield from self._stop(now)
            case Tick():
                pass
            case _:  # pragma: no cover - pyright proves it is never reached
                assert_never(event)

    # ---- jobs --------------------------------------------------------------------------------------

    def _arrive(self, event: JobArrived, now: float) -> Iterator[Action]:
        assert event.name not in self.jobs, f"job {event.name!r} arrived twice"
        job = JobBook(self._next_serial, event, now)
        self._next_serial += 1
        job.open()
        self.jobs[job.name] = job
        self._asking.add(job)
        yield from self._settle(job, now)

    def _settle(self, job: JobBook, now: float) -> Iterator[Action]:
        """See what a job needs next, and end it when it needs nothing."""
        if not job.reading and job.faults:
            job.give_up_waiting("the bundle was not accepted")
        if job.over:
            del self.jobs[job.name]
            yield FinishJob(make_ending(job, self.engine, self.remark, now))
        elif job.speakable:
            self._queue.add(job, again=bool(job.shares))

    def _cancel(self, event: CancelAsked, now: float) -> Iterator[Action]:
        job = self.jobs.get(event.job)
        if job is None:
            yield Say("warning", f"[Main] no job {event.job!r} to cancel")
            return
        job.cancel()
        for worker in self.crew.workers.values():
            for take, held in worker.takes.items():
                if held.job is job:
                    yield ForgetTake(worker.id, take)
        yield from self._settle(job, now)

    def _answered(self, event: QuestionAnswered, now: float) -> Iterator[Action]:
        worker = self.crew.workers.get(event.worker)
        job = worker.questions.pop(event.question, None) if worker else None
        if worker is None or job is None:
            return
        worker.progress_at = now
        self._asking.answered(job, event.question, event.faults, event.warnings)
        if self.jobs.get(job.name) is job:
            yield from self._settle(job, now)

    # ---- takes -------------------------------------------------------------------------------------

    def _hand_out(self, now: float) -> Iterator[Action]:
        """Fill every free slot that a waiting segment can be found for, the emptiest worker first."""
        workers = [w for w in self.crew.ready() if w.free_slots > 0]
        while workers:
            worker = min(workers, key=lambda w: (w.num_speaking / w.slots, w.id))
            action = self._next_take(worker, now)
            if action is not None:
                yield from action
            if action is None or worker.free_slots <= 0:
                workers.remove(worker)

    def _next_take(self, worker: WorkerBook, now: float) -> tuple[Action, ...] | None:
        for job in self._queue.turns():
            waiting = job.waiting
            assert waiting is not None
            if waiting.has_alone and worker.holds and not any(w.making_room for w in self.crew.ready()):
                worker.making_room = True
                return None
            place = waiting.next(worker.voices, idle=not worker.holds)
            if place is not None:
                return self._send(worker, job, *place, now)
        return None

    def _send(self, worker: WorkerBook, job: JobBook, s: int, n: int, now: float) -> tuple[Action, ...]:
        record, alone = job.send(s, n, now)
        self._queue.served(job)
        send = order_for(worker.id, job, s, n, record.takes)
        worker.take_up(now)
        worker.making_room = False
        worker.takes[send.take] = InHand(job, s, n, record.takes, send.seed, alone, now)
        worker.learn(send.speaker.voice_key)
        job.hold(worker.id, worker.device, now)
        if (worker.id, s) in job.announced:
            return (send,)
        job.announced.add((worker.id, s))
        label = self.crew.label(worker.device)
        line = f"[Main] Launching Worker {worker.id} on {label} for Speaker {s}"
        return Say("info", line, job=job.name, worker=worker.id), send

    def _recorded(self, event: TakeRecorded, now: float) -> None:
        worker = self.crew.workers.get(event.worker)
        if worker is not None:
            worker.record(event.take)
            worker.progress_at = now

    def _spoken(self, event: TakeSpoken, now: float) -> Iterator[Action]:
        worker, held = self._ended(event.worker, event.take, now, spoken=True)
        if worker is None or held is None:
            return
        self.crew.of_use(worker)
        held.job.spoken(held.speaker, held.segment, clip_of(held, event, worker))
        yield from self._settle(held.job, now)

    def _failed(self, event: TakeFailed, now: float) -> Iterator[Action]:
        worker, held = self._ended(event.worker, event.take, now, spoken=False)
        if worker is None or held is None:
            return
        yield from self._try_again(held, event.reason, now, retry=event.retry, counted=True)

    def _ended(
        self, worker_id: int, take: str, now: float, *, spoken: bool
    ) -> tuple[WorkerBook | None, InHand | None]:
        worker = self.crew.workers.get(worker_id)
        held = worker.let_go(take) if worker else None
        if worker is None or held is None:
            return None, None
        worker.progress_at = now
        held.job.release(worker.id, now, spoken=spoken)
        return worker, held

    def _try_again(
        self, held: InHand, reason: str, now: float, *, retry: bool, counted: bool
    ) -> Iterator[Action]:
        """A take ended without a clip: the segment waits again, or fails for good."""
        job, s, n = held.job, held.speaker, held.segment
        record = job.records[s][n]
        if not counted:
            record.takes -= 1
        most = self.crew.plan.max_takes
        segment = job.bundle.speakers[s].segments[n]
        where = f"speaker {s}, segment {segment.id}, take {held.number}"
        if job.cancelled:
            job.failed(s, n, "cancelled")
        elif retry and record.takes < most:
            job.again(s, n, alone=record.deaths > 0 and record.takes == most - 1)
            yield Say("warning", f"[Main] {job.name}: {where}: {reason}; it is tried again", job=job.name)
        else:
            takes = f" ({record.takes} takes)" if record.takes > 1 else ""
            job.failed(s, n, f"{reason}{takes}")
            yield Say("error", f"[Main] {job.name}: {where}: {reason}; the segment has failed", job=job.name)
        yield from self._settle(job, now)

    # ---- workers -----------------------------------------------------------------------------------

    def _ready(self, event: WorkerReady, now: float) -> Iterator[Action]:
        worker = self.crew.workers.get(event.worker)
        if worker is None:
            return
        worker.move("ready")
        worker.slots = max(1, event.slots)
        worker.progress_at = now
        worker.memory_gb = worker.peak_gb = event.memory_gb
        self.engine, self.remark = event.engine, event.remark
        yield from self.crew.loaded(worker)

    def _progressed(self, event: WorkerProgressed, now: float) -> Iterator[Action]:
        worker = self.crew.workers.get(event.worker)
        if worker is None:
            return
        worker.progress_at = now
        worker.memory_gb, worker.peak_gb = event.memory_gb, event.peak_gb
        worker.slots = event.slots or worker.slots
        yield from self.crew.weigh(worker)

    def _gone(self, event: WorkerGone, now: float) -> Iterator[Action]:
        worker = self.crew.workers.get(event.worker)
        if worker is None:
            return
        blamed = self.crew.blames_takes(event, now)
        yield from self.crew.bury(event, now)
        for held in worker.takes.values():
            held.job.release(worker.id, now, spoken=False)
            if blamed:
                held.job.records[held.speaker][held.segment].deaths += 1
            reason = f"worker {worker.id} ended while it spoke ({event.reason})"
            yield from self._try_again(held, reason, now, retry=True, counted=blamed)
        for question, job in worker.questions.items():
            self._asking.lost(job, question, event.reason, blamed=blamed, most=self.crew.plan.max_takes)
            if self.jobs.get(job.name) is job:
                yield from self._settle(job, now)

    # ---- the end -----------------------------------------------------------------------------------

    def _stop(self, now: float) -> Iterator[Action]:
        if self.stopping_since is None:
            self.stopping_since = now
            return
        yield from self.crew.kill_all("the daemon stops at once")

    def _wind_down(self, now: float) -> Iterator[Action]:
        yield from self.crew.drain_all(now)
        if not self.crew.workers and not self._exited:
            self._exited = True
            yield Exit()
