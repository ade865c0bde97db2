"""What the dispatcher's tests play on: jobs and plans in a word, a script of events, a simulated world."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fishd.core.dispatch.actions import (
    Action,
    DrainWorker,
    DropTake,
    Exit,
    FinishJob,
    InspectReference,
    JobOutcome,
    KillWorker,
    LogMessage,
    SendTake,
    StartWorker,
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
from fishd.core.dispatch.job_state import SegmentState
from fishd.core.dispatch.workers import WorkerState
from fishd.core.model.job import Clip, Job, Segment, Speaker

A = TypeVar("A")
Place = tuple[str, int, int]  # job, speaker, segment


def make_plan(
    *wanted: int, generation: int = 0, device: str = "cpu", budget_gb: float = 0.0, **limits: float
) -> PoolPlan:
    """One post on the CPU, or several on "gpu:0", "gpu:1", …"""
    names = [device] if len(wanted) == 1 else [f"gpu:{i}" for i in range(len(wanted))]
    posts = tuple(
        DevicePlan(name, name.upper().replace(":", " "), name, count, budget_gb)
        for name, count in zip(names, wanted, strict=True)
    )
    return PoolPlan(generation, posts, **limits)  # pyright: ignore[reportArgumentType] - floats stand for ints


def make_job(
    name: str = "job", lines: tuple[int, ...] = (1,), priority: int = 0, texts: tuple[str, ...] = ()
) -> Job:
    """A job whose speaker `s` has `lines[s]` segments; `texts` are those of the first speaker."""
    speakers = tuple(
        Speaker(
            name=f"Speaker {s}",
            references=(f"{s}.wav",),
            transcript="What is said.",
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


def clip_of(take: SendTake, duration_s: float = 1.0) -> Clip:
    """The clip that a worker would report for this take."""
    return Clip(take.segment.clip, duration_s, take.number, take.seed, take.worker, "cpu", 1.0)


def place_of(take: SendTake) -> Place:
    return take.job.name, take.speaker_index, take.segment_index


def of(kind: type[A], actions: list[Action]) -> list[A]:
    return [action for action in actions if isinstance(action, kind)]


class Script:
    """A dispatcher and its moment: `tell` it an event, get the actions."""

    def __init__(self, plan: PoolPlan | None = None) -> None:
        self.dispatcher = Dispatcher(plan or make_plan(1))
        self.now = 100.0
        self.heard: list[Action] = []

    def tell(self, event: Event, after_s: float = 0.0) -> list[Action]:
        self.now += after_s
        actions = self.dispatcher.handle(event, self.now)
        self.heard += actions
        check_invariants(self.dispatcher, self.now)
        return actions

    def tick(self, after_s: float = 0.0) -> list[Action]:
        return self.tell(Tick(), after_s)

    def start(self, slots: int = 1) -> None:
        """Start every worker that is wanted, and have it ready."""
        self.tick()
        for worker in tuple(self.dispatcher.workers.by_id.values()):
            if worker.state is WorkerState.STARTING:
                self.ready(worker.id, slots)

    def ready(self, worker: int, slots: int = 1) -> list[Action]:
        return self.tell(WorkerReady(worker, slots, "an engine"))

    def arrive(self, job: Job, clips: Mapping[tuple[int, int], Clip] | None = None) -> list[Action]:
        """The job arrives, and every question is answered well."""
        return self.answer(self.tell(JobArrived(job.name, job, clips=clips or {})))

    def answer(self, actions: list[Action]) -> list[Action]:
        """All questions among the actions, and those that follow, find no fault."""
        asked = [*of(InspectReference, actions), *of(ValidateOptions, actions)]
        while asked:
            order = asked.pop(0)
            now = self.tell(CheckCompleted(order.worker, order.check))
            asked += [*of(InspectReference, now), *of(ValidateOptions, now)]
            actions += now
        return actions

    def speak(self, take: SendTake) -> list[Action]:
        return self.tell(TakeCompleted(take.worker, take.take, clip_of(take)))

    def fail(self, take: SendTake, *, retry: bool = True) -> list[Action]:
        return self.tell(TakeFailed(take.worker, take.take, "it stammered", retry))

    def lose(self, worker: int, kind: str = "ended", after_s: float = 0.0) -> list[Action]:
        return self.tell(WorkerGone(worker, kind, "it fell over"), after_s)

    def endings(self) -> list[JobOutcome]:
        return [action.outcome for action in of(FinishJob, self.heard)]

    def said(self) -> str:
        return "\n".join(say.text for say in of(LogMessage, self.heard))


def check_invariants(dispatcher: Dispatcher, now: float) -> None:
    """What must hold after every event, whatever happened."""
    held: Counter[Place] = Counter()
    for worker in dispatcher.workers.by_id.values():
        assert worker.state is not WorkerState.GONE
        assert worker.num_slots_used <= worker.slots, f"worker {worker.id} is overfull"
        assert len(worker.takes) <= 1 or not any(take.alone for take in worker.takes.values())
        held.update(place_of(take.order) for take in worker.takes.values())
    assert [] == [place for place, count in held.items() if count > 1], "in hand twice"
    for job in dispatcher.jobs.values():
        counts: Counter[SegmentState] = Counter()
        for s, row in enumerate(job.records):
            for n, record in enumerate(row):
                counts[record.state] += 1
                in_hand = record.state is SegmentState.IN_FLIGHT
                assert in_hand == bool(held.pop((job.name, s, n), 0)), f"{job.name} {s} {n} is lost"
        assert counts[SegmentState.WAITING] == job.num_waiting
        assert counts[SegmentState.IN_FLIGHT] == job.num_in_flight
        assert counts[SegmentState.DONE] == job.num_done
        assert counts[SegmentState.FAILED] == job.num_failed
        assert not job.is_over, f"{job.name} is over and still here"
    assert not held, "in hand for a job that is not here"
    deadline = dispatcher.next_deadline(now)
    assert deadline is None or deadline > now, "the clock would spin"


@dataclass
class World:
    """Workers, an engine and a clock, simulated: plays what the dispatcher orders until nothing is left."""

    plan: PoolPlan
    slots: int = 1
    load_s: float = 1.0
    cost_s: Callable[[SendTake], float] = lambda _take: 1.0
    now: float = 0.0
    exited: bool = False
    sent: list[tuple[float, SendTake]] = field(default_factory=list)
    spoken: Counter[Place] = field(default_factory=Counter)
    ended: dict[str, tuple[float, JobOutcome]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    serving: list[int] = field(default_factory=list)  # after every event, how many workers were ready

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.plan)
        self._coming: list[tuple[float, int, Event]] = []
        self._serial = itertools.count()
        self._alive: set[int] = set()
        self._draining: set[int] = set()
        self._in_hand: dict[int, set[str]] = {}
        self._places: dict[str, Place] = {}

    def at(self, moment: float, event: Event) -> None:
        heapq.heappush(self._coming, (moment, next(self._serial), event))

    def run(self, until: float = 1e6) -> None:
        """Until nothing more comes, or the moment has come."""
        while True:
            deadline = self.dispatcher.next_deadline(self.now)
            if self._coming and (deadline is None or self._coming[0][0] <= deadline):
                moment, _, event = self._coming[0]
                if moment > until:
                    break
                heapq.heappop(self._coming)
            elif deadline is not None and deadline <= until:
                moment, event = deadline, Tick()
            else:
                break
            self.now = max(self.now, moment)
            self.tell(event)
        self.now = until if until < 1e6 else self.now

    def tell(self, event: Event) -> None:
        if not self._is_real(event):
            return
        for action in self.dispatcher.handle(event, self.now):
            self._do(action)
        check_invariants(self.dispatcher, self.now)
        self.serving.append(sum(1 for _ in self.dispatcher.workers.ready()))

    def _is_real(self, event: Event) -> bool:
        """What was on its way from a worker that died meanwhile never comes."""
        match event:
            case WorkerReady(worker) | CheckCompleted(worker):
                return worker in self._alive
            case TakeCompleted(worker, take) | TakeFailed(worker, take):
                if worker not in self._alive or take not in self._in_hand[worker]:
                    return False
                self._in_hand[worker].discard(take)
                if isinstance(event, TakeCompleted):
                    self.spoken[self._places[take]] += 1
                self._end_if_drained(worker)
                return True
            case WorkerGone(worker):
                if worker not in self._alive:
                    return False
                self._alive.discard(worker)
                return True
            case _:
                return True

    def _end_if_drained(self, worker: int) -> None:
        if worker in self._draining and not self._in_hand[worker]:
            self.at(self.now + 0.01, WorkerGone(worker, "ended", "exit status 0"))

    def _do(self, action: Action) -> None:
        match action:
            case StartWorker(worker):
                self._alive.add(worker)
                self._in_hand[worker] = set()
                self.at(self.now + self.load_s, WorkerReady(worker, self.slots, "an engine"))
            case DrainWorker(worker):
                self._draining.add(worker)
                self._end_if_drained(worker)
            case KillWorker(worker, reason):
                self.at(self.now + 0.001, WorkerGone(worker, "ended", reason))
            case InspectReference(worker, question) | ValidateOptions(worker, question):
                self.at(self.now + 0.001, CheckCompleted(worker, question))
            case SendTake():
                self.sent.append((self.now, action))
                self._in_hand[action.worker].add(action.take)
                self._places[action.take] = place_of(action)
                spoken = TakeCompleted(action.worker, action.take, clip_of(action))
                self.at(self.now + self.cost_s(action), spoken)
            case FinishJob(ending):
                assert ending.name not in self.ended, f"{ending.name} ended twice"
                self.ended[ending.name] = self.now, ending
            case LogMessage():
                self.said.append(action.text)
            case DropTake():
                pass
            case Exit():
                self.exited = True
