"""The dispatcher as a state machine: its invariants hold after any legal events, and every job finishes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fishd.core.dispatch.actions import (
    Action,
    DrainWorker,
    Exit,
    FinishJob,
    ForgetTakes,
    InspectReference,
    KillWorker,
    ListenToTake,
    SendTake,
    StartWorker,
    ValidateOptions,
)
from fishd.core.dispatch.dispatcher import Dispatcher
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
from fishd.core.dispatch.workers import MIN_TAKES_BEFORE_REPLACEMENT
from fishd.core.model.job import Fault, JobStatus
from fishd.core.model.outcome import JobOutcome
from fishd.core.quality.hearing import Hearing
from fishd.core.quality.settings import Check, QualitySettings
from tests.core.dispatcher_driver import (
    check_invariants,
    clip_of,
    make_clip,
    make_job,
    make_plan,
    make_quality,
    place_of,
)

KINDS = ("ended", "load", "engine", "out of memory", "wire", "node lost")
LINES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
PLANS = st.builds(
    lambda wanted, generation, max_takes, gpus, budget_gb: make_plan(
        *wanted if gpus else (sum(wanted),),
        generation=generation,
        max_takes=max_takes,
        budget_gb=budget_gb,
    ),
    wanted=st.lists(st.integers(0, 3), min_size=2, max_size=2).filter(any),
    generation=st.integers(0, 2),
    max_takes=st.integers(1, 4),
    gpus=st.booleans(),
    budget_gb=st.sampled_from([0.0, 2.0]),
)
MOST_EVENTS = 5000  # until every job is finished


class DispatcherMachine(RuleBasedStateMachine):
    """Workers may load, check, speak, fail, send late messages and exit, in any order and at any time."""

    @initialize(plan=PLANS)
    def begin(self, plan: PoolPlan) -> None:
        self.dispatcher = Dispatcher(plan)
        self.plan = plan
        self.most_takes = plan.max_takes  # of all plans so far, as a new plan takes no waiting retry away
        self.now = 0.0
        self.alive: dict[int, bool] = {}  # by worker: is it ready?
        self.devices: dict[int, str] = {}  # of those alive
        self.ending: set[int] = set()  # workers that were drained or killed
        self.checks: dict[tuple[int, str], None] = {}
        self.takes: dict[str, SendTake] = {}  # in flight
        self.hearing: dict[tuple[str, int, int], ListenToTake] = {}
        self.arrived: dict[str, int] = {}  # by job, its number of segments
        self.finished: dict[str, JobStatus] = {}
        self.done: set[tuple[str, int, int]] = set()
        self.faulty: set[tuple[str, int, int]] = set()  # with a take that has faults
        self.stopping = False
        self.exits = 0
        self.apply(Tick())

    # ---- what may happen ---------------------------------------------------------------------------

    @rule(
        lines=LINES,
        priority=st.integers(-1, 1),
        clips=st.integers(1, 2),
        faulty=st.booleans(),
        check=st.sampled_from(["signal", "listen"]),
    )
    def a_job_arrives(
        self, lines: tuple[int, ...], priority: int, clips: int, *, faulty: bool, check: Check
    ) -> None:
        name = f"job {len(self.arrived)}"
        self.arrived[name] = 0 if faulty else sum(lines)
        references = tuple((f"{i}.wav", f"/w/{i}.wav") for i in range(clips))
        faults = (Fault("job.toml", "is wrong"),) if faulty else ()
        job = None if faulty else replace(make_job(name, lines, priority), quality=QualitySettings(check))
        recovered = {} if faulty or lines[0] % 2 else {(0, 0): (make_clip(),)}
        self.done |= {(name, *place) for place in recovered}
        self.apply(JobArrived(name, job, faults, references=references, clips=recovered))

    @rule(data=st.data(), slots=st.integers(1, 4))
    @precondition(lambda self: not all(self.alive.values()))
    def a_worker_is_ready(self, data: st.DataObject, slots: int) -> None:
        worker = data.draw(st.sampled_from([w for w, ready in self.alive.items() if not ready]))
        self.alive[worker] = True
        self.apply(WorkerReady(worker, slots, "an engine"))

    @rule(data=st.data(), fault=st.sampled_from(["", "", "", "is silent"]))
    @precondition(lambda self: self.checks)
    def a_check_completes(self, data: st.DataObject, fault: str) -> None:
        worker, check = data.draw(st.sampled_from(list(self.checks)))
        del self.checks[worker, check]
        self.apply(CheckCompleted(worker, check, (fault,) if fault else ()))

    @rule(data=st.data())
    @precondition(lambda self: self.takes)
    def a_take_completes(self, data: st.DataObject) -> None:
        self.complete(data.draw(st.sampled_from(list(self.takes))))

    @rule(data=st.data(), severity=st.floats(0.1, 1.0))
    @precondition(lambda self: self.takes)
    def a_take_has_faults(self, data: st.DataObject, severity: float) -> None:
        take = self.takes.pop(data.draw(st.sampled_from(list(self.takes))))
        self.faulty.add(place_of(take))
        self.apply(TakeCompleted(take.worker, take.take, clip_of(take, severities=(severity,))))

    @rule(data=st.data(), severities=st.sampled_from([(), (), (0.4,)]))
    @precondition(lambda self: self.hearing)
    def a_take_is_heard(self, data: st.DataObject, severities: tuple[float, ...]) -> None:
        self.hear(data.draw(st.sampled_from(list(self.hearing))), severities)

    @rule(data=st.data())
    @precondition(lambda self: self.takes)
    def a_take_is_synthesized(self, data: st.DataObject) -> None:
        take = self.takes[data.draw(st.sampled_from(list(self.takes)))]
        self.apply(TakeSynthesized(take.worker, take.take))

    @rule(data=st.data(), retry=st.booleans())
    @precondition(lambda self: self.takes)
    def a_take_fails(self, data: st.DataObject, *, retry: bool) -> None:
        take = self.takes.pop(data.draw(st.sampled_from(list(self.takes))))
        self.apply(TakeFailed(take.worker, take.take, "it failed", retry))

    @rule(data=st.data(), kind=st.sampled_from(KINDS))
    @precondition(lambda self: self.alive)
    def a_worker_crashes(self, data: st.DataObject, kind: str) -> None:
        self.lose(data.draw(st.sampled_from(list(self.alive))), kind)

    @rule(data=st.data())
    @precondition(lambda self: self.idle_ending())
    def a_worker_exits_as_ordered(self, data: st.DataObject) -> None:
        self.lose(data.draw(st.sampled_from(self.idle_ending())), "ended")

    @rule(data=st.data())
    @precondition(lambda self: self.alive)
    def a_worker_progresses(self, data: st.DataObject) -> None:
        self.apply(WorkerProgressed(data.draw(st.sampled_from(list(self.alive)))))

    @rule(data=st.data(), held_gb=st.sampled_from([1.0, 9.0]))
    @precondition(lambda self: self.alive)
    def an_old_worker_reports_its_memory(self, data: st.DataObject, held_gb: float) -> None:
        worker = data.draw(st.sampled_from(list(self.alive)))
        self.dispatcher.workers.by_id[worker].num_spoken += MIN_TAKES_BEFORE_REPLACEMENT
        self.apply(WorkerProgressed(worker, held_gb))

    @rule(worker=st.integers(0, 5), take=st.sampled_from(["0.0.0.1.0", "1.0.0.1.1"]))
    def late_messages_arrive_from_a_worker_that_is_gone(self, worker: int, take: str) -> None:
        messages = (
            TakeSynthesized(worker, take),
            TakeCompleted(worker, take, make_clip(worker)),
            CheckCompleted(worker, "0.options"),
            WorkerReady(worker, 1, "an engine"),
        )
        for message in messages:
            if worker not in self.alive:  # any event may start a worker of this number
                self.apply(message)

    @rule(plan=PLANS)
    def the_plan_changes(self, plan: PoolPlan) -> None:
        self.plan = plan
        self.most_takes = max(self.most_takes, plan.max_takes)
        self.apply(PlanChanged(plan))

    @rule(number=st.integers(0, 5))
    def a_job_is_cancelled(self, number: int) -> None:
        self.apply(CancelRequested(f"job {number}"))

    @rule(after_s=st.sampled_from([0.1, 1.0, 5.0, 61.0, 601.0]))
    def time_passes(self, after_s: float) -> None:
        self.now += after_s
        self.apply(Tick())

    @rule(draw=st.integers(0, 9))
    def the_daemon_stops(self, draw: int) -> None:
        if draw == 0:
            self.stopping = True
            self.apply(StopRequested())

    # ---- what must hold ----------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_or_in_flight_twice(self) -> None:
        check_invariants(self.dispatcher, self.now)
        assert set(self.arrived) == set(self.dispatcher.jobs) | set(self.finished)
        assert not set(self.dispatcher.jobs) & set(self.finished)

    @invariant()
    def dispatcher_and_workers_agree(self) -> None:
        workers = self.dispatcher.workers.by_id
        assert set(self.alive) == set(workers)
        assert set(self.takes) == {take for worker in workers.values() for take in worker.takes}

    @invariant()
    def every_take_that_is_to_be_heard_was_asked_for_once(self) -> None:
        jobs = self.dispatcher.jobs.values()
        assert set(self.hearing) == {(job.name, s, n) for job in jobs for s, n, _ in job.unheard()}

    @invariant()
    def a_stop_exits_once(self) -> None:
        assert self.exits == int(self.stopping and not self.alive)

    def teardown(self) -> None:
        """From now on everything succeeds, so that every job finishes, unless the daemon is stopping."""
        if not hasattr(self, "dispatcher"):
            return
        if not self.stopping:
            self.the_plan_changes(make_plan(2, generation=9))
        for _ in range(MOST_EVENTS):
            if not self.step():
                break
        if self.stopping:
            assert 1 == self.exits
            return
        assert set(self.arrived) == set(self.finished)
        assert 2 == sum(1 for _ in self.dispatcher.workers.ready())
        assert {9} == {worker.generation for worker in self.dispatcher.workers.by_id.values()}

    # ---- the workers -------------------------------------------------------------------------------

    def step(self) -> bool:
        """One event, as if everything succeeds; False if there is none."""
        loading = [w for w, ready in self.alive.items() if not ready]
        deadline = self.dispatcher.next_deadline(self.now)
        if self.checks:
            worker, check = next(iter(self.checks))
            del self.checks[worker, check]
            self.apply(CheckCompleted(worker, check))
        elif self.takes:
            self.complete(next(iter(self.takes)))
        elif self.hearing:
            self.hear(next(iter(self.hearing)), ())
        elif ending := [w for w in self.alive if w in self.ending]:
            self.lose(ending[0], "ended")
        elif loading:
            self.alive[loading[0]] = True
            self.apply(WorkerReady(loading[0], 2, "an engine"))
        elif deadline is not None:
            self.now = deadline
            self.apply(Tick())
        else:
            return False
        self.nothing_is_lost_or_in_flight_twice()
        return True

    def idle_ending(self) -> list[int]:
        busy = {take.worker for take in self.takes.values()} | {worker for worker, _ in self.checks}
        return [worker for worker in self.alive if worker in self.ending and worker not in busy]

    def complete(self, name: str) -> None:
        take = self.takes.pop(name)
        place = place_of(take)
        assert place not in self.done, f"{place} is spoken twice"
        if take.job.quality.listens:
            self.faulty.add(place)  # as far as is known
            self.apply(TakeCompleted(take.worker, take.take, clip_of(take, severities=())))
        else:
            self.done.add(place)
            self.apply(TakeCompleted(take.worker, take.take, clip_of(take)))

    def hear(self, place: tuple[str, int, int], severities: tuple[float, ...]) -> None:
        action = self.hearing.pop(place)
        if not severities:
            self.done.add(place)
        assert action.clip.quality is not None
        faults = make_quality(*severities).faults
        clip = replace(action.clip, quality=action.clip.quality.with_hearing(Hearing(), faults))
        self.apply(TakeHeard(*place, clip))

    def lose(self, worker: int, kind: str) -> None:
        del self.alive[worker], self.devices[worker]
        self.ending.discard(worker)
        self.checks = {key: None for key in self.checks if key[0] != worker}
        self.takes = {name: take for name, take in self.takes.items() if take.worker != worker}
        self.apply(WorkerGone(worker, kind, "it crashed"))

    def apply(self, event: Event) -> None:
        for action in self.dispatcher.handle(event, self.now):
            self.execute(action)

    def execute(self, action: Action) -> None:
        match action:
            case StartWorker(worker, device):
                assert worker not in self.alive
                here = [other for other, where in self.devices.items() if where == device]
                wanted = sum(planned.wanted for planned in self.plan.devices if planned.device == device)
                assert device == "cpu" or len(here) < wanted, "a GPU has no memory for more workers"
                self.devices[worker] = device
                assert not self.stopping, "a worker is started while stopping"
                self.alive[worker] = False
            case DrainWorker(worker):
                assert worker in self.alive
                self.ending.add(worker)
            case KillWorker(worker):
                assert worker in self.alive
                self.ending.add(worker)
            case InspectReference(worker, check) | ValidateOptions(worker, check):
                assert self.alive[worker], "a check before it is ready"
                assert worker not in self.ending, "a check after it was drained or killed"
                self.checks[worker, check] = None
            case SendTake():
                assert self.alive[action.worker], "a take before it is ready"
                assert action.worker not in self.ending, "a take after it was drained or killed"
                assert not self.stopping, "a take while stopping"
                assert action.take not in self.takes
                assert 1 <= action.number <= self.most_takes
                self.takes[action.take] = action
            case ListenToTake():
                place = action.job.name, action.speaker_index, action.segment_index
                assert place not in self.hearing
                self.hearing[place] = action
            case ForgetTakes(job):
                self.hearing = {place: asked for place, asked in self.hearing.items() if place[0] != job}
            case FinishJob(outcome):
                assert outcome.name not in self.finished, "a job finished twice"
                assert self.arrived[outcome.name] == sum(len(row) for row in outcome.segments)
                self.check_clips(outcome)
                self.finished[outcome.name] = outcome.status
            case Exit():
                self.exits += 1
            case _:
                pass

    def check_clips(self, outcome: JobOutcome) -> None:
        """Every spoken segment has a clip, faulty or not, unless the job ended early."""
        rows = enumerate(outcome.segments)
        clips = {(outcome.name, s, n) for s, row in rows for n, end in enumerate(row) if end.clip}
        done = {place for place in self.done if place[0] == outcome.name}
        spoken = done | {place for place in self.faulty if place[0] == outcome.name}
        assert done <= clips <= spoken
        if outcome.status not in (JobStatus.CANCELLED, JobStatus.REJECTED):
            assert spoken == clips


DispatcherMachine.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDispatcher = DispatcherMachine.TestCase
