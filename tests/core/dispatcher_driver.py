"""Drives a dispatcher by hand: short plans and jobs, a clock, and its invariants after each event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from fishd.core.dispatch.actions import (
    Action,
    FinishJob,
    InspectReference,
    LogMessage,
    SendTake,
    ValidateOptions,
)
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import (
    CheckCompleted,
    DevicePlan,
    Event,
    JobArrived,
    PoolPlan,
    TakeCompleted,
    TakeFailed,
    Tick,
    WorkerGone,
    WorkerReady,
)
from fishd.core.dispatch.segment_state import SegmentState
from fishd.core.dispatch.workers import WorkerState
from fishd.core.model.job import Clip, Job, Segment, Speaker
from fishd.core.model.outcome import JobOutcome
from fishd.core.quality.faults import FaultKind, QualityFault
from fishd.core.quality.take_quality import TakeQuality

A = TypeVar("A")
Place = tuple[str, int, int]  # job, speaker, segment


def make_plan(
    *wanted: int, generation: int = 0, device: str = "cpu", budget_gb: float = 0.0, **limits: float
) -> PoolPlan:
    """Workers on one `device`, or on "gpu:0", "gpu:1", … if several numbers are given."""
    names = [device] if len(wanted) == 1 else [f"gpu:{i}" for i in range(len(wanted))]
    devices = tuple(
        DevicePlan(name, name.upper().replace(":", " "), name, count, budget_gb)
        for name, count in zip(names, wanted, strict=True)
    )
    return PoolPlan(generation, devices, **limits)  # pyright: ignore[reportArgumentType] - floats stand for ints


def make_job(
    name: str = "job", lines: tuple[int, ...] = (1,), priority: int = 0, texts: tuple[str, ...] = ()
) -> Job:
    """A job whose speaker `s` has `lines[s]` segments; `texts` are those of the first speaker."""
    speakers = tuple(
        Speaker(
            name=f"Speaker {s}",
            references=(f"{s}.wav",),
            transcript="The transcript.",
            language="en",
            voice_key=f"{name}-voice-{s}",
            segments=tuple(
                Segment(f"{n:03}", texts[n] if s == 0 and texts else "Good evening.", "en", f"{s}/{n}.wav")
                for n in range(count)
            ),
        )
        for s, count in enumerate(lines)
    )
    return Job(name, name, priority, speakers)


def make_clip(worker: int = 0) -> Clip:
    return Clip("clips/0.wav", 1.0, 1, 7, worker, "cpu", 0.5)


def clip_of(take: SendTake, duration_s: float = 1.0, severities: tuple[float, ...] | None = None) -> Clip:
    """The clip of this take; one that was checked has a fault of each severity."""
    quality = None if severities is None else make_quality(*severities)
    return Clip(take.clip, duration_s, take.number, take.seed, take.worker, "cpu", 1.0, quality=quality)


def make_quality(*severities: float) -> TakeQuality:
    faults = tuple(QualityFault(FaultKind.HOLE, f"a hole of {severity}", severity) for severity in severities)
    return TakeQuality(faults, pace=2.9, level_db=-22.0, range_db=50.0, end_db=-60.0, longest_gap_s=0.3)


def place_of(take: SendTake) -> Place:
    return take.job.name, take.speaker_index, take.segment_index


def of(kind: type[A], actions: list[Action]) -> list[A]:
    """The actions of one kind."""
    return [action for action in actions if isinstance(action, kind)]


class Driver:
    """A dispatcher and its clock; `actions` are all that it has ordered so far."""

    def __init__(self, plan: PoolPlan | None = None) -> None:
        self.dispatcher = Dispatcher(plan or make_plan(1))
        self.now = 100.0
        self.actions: list[Action] = []

    def apply(self, event: Event, after_s: float = 0.0) -> list[Action]:
        """Let time pass, apply the event, and return what follows from it."""
        self.now += after_s
        actions = self.dispatcher.handle(event, self.now)
        self.actions += actions
        check_invariants(self.dispatcher, self.now)
        return actions

    def tick(self, after_s: float = 0.0) -> list[Action]:
        return self.apply(Tick(), after_s)

    def start(self, slots: int = 1) -> None:
        """Start every wanted worker, and make it ready."""
        self.tick()
        for worker in tuple(self.dispatcher.workers.by_id.values()):
            if worker.state is WorkerState.STARTING:
                self.ready(worker.id, slots)

    def ready(self, worker: int, slots: int = 1) -> list[Action]:
        return self.apply(WorkerReady(worker, slots, "an engine"))

    def arrive(self, job: Job, clips: Mapping[tuple[int, int], Clip] | None = None) -> list[Action]:
        """The job arrives and passes its checks."""
        recovered = {place: (clip,) for place, clip in (clips or {}).items()}
        return self.pass_checks(self.apply(JobArrived(job.name, job, clips=recovered)))

    def pass_checks(self, actions: list[Action]) -> list[Action]:
        """Complete all checks among the actions, and those that follow, without faults."""
        checks = [*of(InspectReference, actions), *of(ValidateOptions, actions)]
        while checks:
            order = checks.pop(0)
            more = self.apply(CheckCompleted(order.worker, order.check))
            checks += [*of(InspectReference, more), *of(ValidateOptions, more)]
            actions += more
        return actions

    def complete(self, take: SendTake, *severities: float) -> list[Action]:
        """The take is spoken, with a fault of each severity; without any it was not checked."""
        clip = clip_of(take, severities=severities or None)
        return self.apply(TakeCompleted(take.worker, take.take, clip))

    def complete_checked(self, take: SendTake) -> list[Action]:
        """The take is spoken and good."""
        return self.apply(TakeCompleted(take.worker, take.take, clip_of(take, severities=())))

    def fail(self, take: SendTake, *, retry: bool = True) -> list[Action]:
        return self.apply(TakeFailed(take.worker, take.take, "it failed", retry))

    def lose(self, worker: int, kind: str = "ended", after_s: float = 0.0) -> list[Action]:
        return self.apply(WorkerGone(worker, kind, "it crashed"), after_s)

    def outcomes(self) -> list[JobOutcome]:
        """Of the jobs finished so far."""
        return [action.outcome for action in of(FinishJob, self.actions)]

    def log(self) -> str:
        """All log messages so far."""
        return "\n".join(message.text for message in of(LogMessage, self.actions))


def check_invariants(dispatcher: Dispatcher, now: float) -> None:
    """What holds after every event."""
    held: Counter[Place] = Counter()
    for worker in dispatcher.workers.by_id.values():
        assert worker.state is not WorkerState.GONE
        assert worker.num_slots_used <= worker.slots, f"worker {worker.id} has more takes than slots"
        assert len(worker.takes) <= 1 or not any(take.alone for take in worker.takes.values())
        held.update(place_of(take.order) for take in worker.takes.values())
    assert [] == [place for place, count in held.items() if count > 1], "in flight twice"
    for job in dispatcher.jobs.values():
        counts: Counter[SegmentState] = Counter()
        for s, row in enumerate(job.records):
            for n, record in enumerate(row):
                counts[record.state] += 1
                is_in_flight = record.state is SegmentState.IN_FLIGHT
                assert is_in_flight == bool(held.pop((job.name, s, n), 0)), f"{job.name} {s} {n} is lost"
        assert counts[SegmentState.WAITING] == job.num_waiting
        assert counts[SegmentState.IN_FLIGHT] + counts[SegmentState.LISTENING] == job.num_in_flight
        assert counts[SegmentState.DONE] == job.num_done
        assert counts[SegmentState.FAILED] == job.num_failed
        chosen = [record.clip for row in job.records for record in row if record.clip]
        assert job.num_doubtful == sum(bool(clip.faults) for clip in chosen)
        assert not job.is_over, f"{job.name} is over but not finished"
    assert not held, "in flight for an unknown job"
    deadline = dispatcher.next_deadline(now)
    assert deadline is None or deadline > now, "a deadline that has passed would make the clock spin"
