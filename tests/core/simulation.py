"""A simulation of workers, an engine and a clock, which executes the actions of a dispatcher."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from fishd.core.dispatch.actions import (
    Action,
    DrainWorker,
    DropTake,
    Exit,
    FinishJob,
    InspectReference,
    KillWorker,
    LogMessage,
    SendTake,
    StartWorker,
    ValidateOptions,
)
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import (
    CheckCompleted,
    Event,
    PoolPlan,
    TakeCompleted,
    TakeFailed,
    Tick,
    WorkerGone,
    WorkerReady,
)
from fishd.core.model.outcome import JobOutcome
from tests.core.dispatcher_driver import Place, check_invariants, clip_of, place_of

END_OF_TIME = 1e6


@dataclass
class Simulation:
    """Every check passes, every take succeeds after `cost_s`, and invariants are checked after each event."""

    plan: PoolPlan
    slots: int = 1
    load_s: float = 1.0
    cost_s: Callable[[SendTake], float] = lambda _take: 1.0
    now: float = 0.0
    exited: bool = False
    sent: list[tuple[float, SendTake]] = field(default_factory=list)
    spoken: Counter[Place] = field(default_factory=Counter)
    finished: dict[str, tuple[float, JobOutcome]] = field(default_factory=dict)  # by job: when, and how
    num_ready: list[int] = field(default_factory=list)  # workers, after every event

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.plan)
        self._scheduled: list[tuple[float, int, Event]] = []
        self._serial = itertools.count()
        self._alive: set[int] = set()
        self._draining: set[int] = set()
        self._in_flight: dict[int, set[str]] = {}
        self._places: dict[str, Place] = {}

    def schedule(self, moment: float, event: Event) -> None:
        heapq.heappush(self._scheduled, (moment, next(self._serial), event))

    def run(self, until: float = END_OF_TIME) -> None:
        """Until that moment, or until no event is scheduled and no deadline is due."""
        while True:
            deadline = self.dispatcher.next_deadline(self.now)
            if self._scheduled and (deadline is None or self._scheduled[0][0] <= deadline):
                moment, _, event = self._scheduled[0]
                if moment > until:
                    break
                heapq.heappop(self._scheduled)
            elif deadline is not None and deadline <= until:
                moment, event = deadline, Tick()
            else:
                break
            self.now = max(self.now, moment)
            self.apply(event)
        self.now = until if until < END_OF_TIME else self.now

    def apply(self, event: Event) -> None:
        if not self._arrives(event):
            return
        for action in self.dispatcher.handle(event, self.now):
            self._execute(action)
        check_invariants(self.dispatcher, self.now)
        self.num_ready.append(sum(1 for _ in self.dispatcher.workers.ready()))

    def _arrives(self, event: Event) -> bool:
        """Messages of a worker that has exited meanwhile never arrive."""
        match event:
            case WorkerReady(worker) | CheckCompleted(worker):
                return worker in self._alive
            case TakeCompleted(worker, take) | TakeFailed(worker, take):
                if worker not in self._alive or take not in self._in_flight[worker]:
                    return False
                self._in_flight[worker].discard(take)
                if isinstance(event, TakeCompleted):
                    self.spoken[self._places[take]] += 1
                self._exit_if_drained(worker)
                return True
            case WorkerGone(worker):
                if worker not in self._alive:
                    return False
                self._alive.discard(worker)
                return True
            case _:
                return True

    def _exit_if_drained(self, worker: int) -> None:
        if worker in self._draining and not self._in_flight[worker]:
            self.schedule(self.now + 0.01, WorkerGone(worker, "ended", "exit status 0"))

    def _execute(self, action: Action) -> None:
        match action:
            case StartWorker(worker):
                self._alive.add(worker)
                self._in_flight[worker] = set()
                self.schedule(self.now + self.load_s, WorkerReady(worker, self.slots, "an engine"))
            case DrainWorker(worker):
                self._draining.add(worker)
                self._exit_if_drained(worker)
            case KillWorker(worker, reason):
                self.schedule(self.now + 0.001, WorkerGone(worker, "ended", reason))
            case InspectReference(worker, check) | ValidateOptions(worker, check):
                self.schedule(self.now + 0.001, CheckCompleted(worker, check))
            case SendTake():
                self.sent.append((self.now, action))
                self._in_flight[action.worker].add(action.take)
                self._places[action.take] = place_of(action)
                spoken = TakeCompleted(action.worker, action.take, clip_of(action))
                self.schedule(self.now + self.cost_s(action), spoken)
            case FinishJob(outcome):
                assert outcome.name not in self.finished, f"{outcome.name} finished twice"
                self.finished[outcome.name] = self.now, outcome
            case LogMessage() | DropTake():
                pass
            case Exit():
                self.exited = True
