"""Any legal world, in any order: the invariants hold after every event, and no job is forgotten."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fishd.core.dispatch.actions import (
    Action,
    DrainWorker,
    Exit,
    FinishJob,
    InspectReference,
    KillWorker,
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
    TakeSynthesized,
    Tick,
    WorkerGone,
    WorkerProgressed,
    WorkerReady,
)
from fishd.core.dispatch.workers import MIN_TAKES_BEFORE_REPLACEMENT
from fishd.core.model.job import Fault, JobStatus
from tests.core.stage import check_invariants, clip_of, make_clip, make_job, make_plan, place_of

KINDS = ("ended", "load", "engine", "out of memory", "wire")
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
UNTIL_ALL_IS_DONE = 5000  # events


class Worlds(RuleBasedStateMachine):
    """Workers do what a process may do: load, answer, speak, fail, say late words, die at any moment."""

    @initialize(plan=PLANS)
    def begin(self, plan: PoolPlan) -> None:
        self.dispatcher = Dispatcher(plan)
        self.plan = plan
        self.most_takes = plan.max_takes  # a take that one plan has granted is not taken back by another
        self.now = 0.0
        self.alive: dict[int, bool] = {}  # by worker: has it said that it is ready?
        self.devices: dict[int, str] = {}  # of those alive
        self.told_to_end: set[int] = set()
        self.questions: dict[tuple[int, str], None] = {}
        self.takes: dict[str, SendTake] = {}  # in a live worker's hand
        self.arrived: dict[str, int] = {}  # by name, how many segments
        self.ended: dict[str, JobStatus] = {}
        self.done: set[tuple[str, int, int]] = set()
        self.stopping = False
        self.exits = 0
        self.tell(Tick())

    # ---- what may happen ---------------------------------------------------------------------------

    @rule(lines=LINES, priority=st.integers(-1, 1), clips=st.integers(1, 2), faulty=st.booleans())
    def a_job_arrives(self, lines: tuple[int, ...], priority: int, clips: int, *, faulty: bool) -> None:
        name = f"job {len(self.arrived)}"
        self.arrived[name] = 0 if faulty else sum(lines)
        references = tuple((f"{i}.wav", f"/w/{i}.wav") for i in range(clips))
        faults = (Fault("job.toml", "is wrong"),) if faulty else ()
        job = None if faulty else make_job(name, lines, priority)
        recovered = {} if faulty or lines[0] % 2 else {(0, 0): make_clip()}
        self.done |= {(name, *place) for place in recovered}
        self.tell(JobArrived(name, job, faults, references=references, clips=recovered))

    @rule(data=st.data(), slots=st.integers(1, 4))
    @precondition(lambda self: not all(self.alive.values()))
    def a_worker_is_ready(self, data: st.DataObject, slots: int) -> None:
        worker = data.draw(st.sampled_from([w for w, ready in self.alive.items() if not ready]))
        self.alive[worker] = True
        self.tell(WorkerReady(worker, slots, "an engine"))

    @rule(data=st.data(), fault=st.sampled_from(["", "", "", "is silent"]))
    @precondition(lambda self: self.questions)
    def a_question_is_answered(self, data: st.DataObject, fault: str) -> None:
        worker, question = data.draw(st.sampled_from(list(self.questions)))
        del self.questions[worker, question]
        self.tell(CheckCompleted(worker, question, (fault,) if fault else ()))

    @rule(data=st.data())
    @precondition(lambda self: self.takes)
    def a_take_is_spoken(self, data: st.DataObject) -> None:
        self.speak(data.draw(st.sampled_from(list(self.takes))))

    @rule(data=st.data())
    @precondition(lambda self: self.takes)
    def a_take_is_recorded(self, data: st.DataObject) -> None:
        take = self.takes[data.draw(st.sampled_from(list(self.takes)))]
        self.tell(TakeSynthesized(take.worker, take.take))

    @rule(data=st.data(), retry=st.booleans())
    @precondition(lambda self: self.takes)
    def a_take_fails(self, data: st.DataObject, *, retry: bool) -> None:
        take = self.takes.pop(data.draw(st.sampled_from(list(self.takes))))
        self.tell(TakeFailed(take.worker, take.take, "it stammered", retry))

    @rule(data=st.data(), kind=st.sampled_from(KINDS))
    @precondition(lambda self: self.alive)
    def a_worker_dies(self, data: st.DataObject, kind: str) -> None:
        self.bury(data.draw(st.sampled_from(list(self.alive))), kind)

    @rule(data=st.data())
    @precondition(lambda self: self.free_to_end())
    def a_worker_ends_as_told(self, data: st.DataObject) -> None:
        self.bury(data.draw(st.sampled_from(self.free_to_end())), "ended")

    @rule(data=st.data())
    @precondition(lambda self: self.alive)
    def a_worker_steps(self, data: st.DataObject) -> None:
        self.tell(WorkerProgressed(data.draw(st.sampled_from(list(self.alive)))))

    @rule(data=st.data(), held_gb=st.sampled_from([1.0, 9.0]))
    @precondition(lambda self: self.alive)
    def an_old_worker_says_what_it_holds(self, data: st.DataObject, held_gb: float) -> None:
        worker = data.draw(st.sampled_from(list(self.alive)))
        self.dispatcher.workers.by_id[worker].num_spoken += MIN_TAKES_BEFORE_REPLACEMENT
        self.tell(WorkerProgressed(worker, held_gb))

    @rule(worker=st.integers(0, 5), take=st.sampled_from(["0.0.0.1.0", "1.0.0.1.1"]))
    def a_late_word_comes_from_a_worker_that_is_gone(self, worker: int, take: str) -> None:
        if worker not in self.alive:
            self.tell(TakeSynthesized(worker, take))
            self.tell(TakeCompleted(worker, take, make_clip(worker)))
            self.tell(CheckCompleted(worker, "0.options"))
            self.tell(WorkerReady(worker, 1, "an engine"))

    @rule(plan=PLANS)
    def the_plan_changes(self, plan: PoolPlan) -> None:
        self.plan = plan
        self.most_takes = max(self.most_takes, plan.max_takes)
        self.tell(PlanChanged(plan))

    @rule(number=st.integers(0, 5))
    def a_job_is_cancelled(self, number: int) -> None:
        self.tell(CancelRequested(f"job {number}"))

    @rule(after_s=st.sampled_from([0.1, 1.0, 5.0, 61.0, 601.0]))
    def time_passes(self, after_s: float) -> None:
        self.now += after_s
        self.tell(Tick())

    @rule(sure=st.integers(0, 9))
    def the_daemon_is_to_stop(self, sure: int) -> None:
        if sure == 0:
            self.stopping = True
            self.tell(StopRequested())

    # ---- what must hold ----------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_or_held_twice(self) -> None:
        check_invariants(self.dispatcher, self.now)
        assert set(self.arrived) == set(self.dispatcher.jobs) | set(self.ended)
        assert not set(self.dispatcher.jobs) & set(self.ended)

    @invariant()
    def both_sides_know_the_same_workers_and_takes(self) -> None:
        workers = self.dispatcher.workers.by_id
        assert set(self.alive) == set(workers)
        assert set(self.takes) == {take for worker in workers.values() for take in worker.takes}

    @invariant()
    def who_stops_exits_once(self) -> None:
        assert self.exits == int(self.stopping and not self.alive)

    def teardown(self) -> None:
        """From here on the world behaves: if nobody stopped it, every job ends."""
        if not hasattr(self, "dispatcher"):
            return
        if not self.stopping:
            self.the_plan_changes(make_plan(2, generation=9))
        for _ in range(UNTIL_ALL_IS_DONE):
            if not self.go_on():
                break
        if self.stopping:
            assert 1 == self.exits
            return
        assert set(self.arrived) == set(self.ended)
        assert 2 == sum(1 for _ in self.dispatcher.workers.ready())
        assert {9} == {worker.generation for worker in self.dispatcher.workers.by_id.values()}

    # ---- the other side ----------------------------------------------------------------------------

    def go_on(self) -> bool:
        """One step of a world in which all goes well; False when there is nothing to be done."""
        loading = [w for w, ready in self.alive.items() if not ready]
        deadline = self.dispatcher.next_deadline(self.now)
        if self.questions:
            worker, question = next(iter(self.questions))
            del self.questions[worker, question]
            self.tell(CheckCompleted(worker, question))
        elif self.takes:
            self.speak(next(iter(self.takes)))
        elif ending := [w for w in self.alive if w in self.told_to_end]:
            self.bury(ending[0], "ended")
        elif loading:
            self.alive[loading[0]] = True
            self.tell(WorkerReady(loading[0], 2, "an engine"))
        elif deadline is not None:
            self.now = deadline
            self.tell(Tick())
        else:
            return False
        self.nothing_is_lost_or_held_twice()
        return True

    def free_to_end(self) -> list[int]:
        busy = {take.worker for take in self.takes.values()} | {worker for worker, _ in self.questions}
        return [worker for worker in self.alive if worker in self.told_to_end and worker not in busy]

    def speak(self, name: str) -> None:
        take = self.takes.pop(name)
        place = place_of(take)
        assert place not in self.done, f"{place} is spoken twice"
        self.done.add(place)
        self.tell(TakeCompleted(take.worker, take.take, clip_of(take)))

    def bury(self, worker: int, kind: str) -> None:
        del self.alive[worker], self.devices[worker]
        self.told_to_end.discard(worker)
        self.questions = {key: None for key in self.questions if key[0] != worker}
        self.takes = {name: take for name, take in self.takes.items() if take.worker != worker}
        self.tell(WorkerGone(worker, kind, "it fell over"))

    def tell(self, event: Event) -> None:
        for action in self.dispatcher.handle(event, self.now):
            self.do(action)

    def do(self, action: Action) -> None:
        match action:
            case StartWorker(worker, device):
                assert worker not in self.alive
                here = [other for other, where in self.devices.items() if where == device]
                wanted = sum(post.wanted for post in self.plan.devices if post.device == device)
                assert device == "cpu" or len(here) < wanted, "a card has no room for two at once"
                self.devices[worker] = device
                assert not self.stopping, "a worker is started while stopping"
                self.alive[worker] = False
            case DrainWorker(worker):
                assert worker in self.alive
                self.told_to_end.add(worker)
            case KillWorker(worker):
                assert worker in self.alive
                self.told_to_end.add(worker)
            case InspectReference(worker, question) | ValidateOptions(worker, question):
                assert self.alive[worker], "asked before it is ready"
                assert worker not in self.told_to_end, "asked after it was told to end"
                self.questions[worker, question] = None
            case SendTake():
                assert self.alive[action.worker], "sent before it is ready"
                assert action.worker not in self.told_to_end, "sent after it was told to end"
                assert not self.stopping, "sent while stopping"
                assert action.take not in self.takes
                assert 1 <= action.number <= self.most_takes
                self.takes[action.take] = action
            case FinishJob(ending):
                assert ending.name not in self.ended, "a job ended twice"
                assert self.arrived[ending.name] == sum(len(row) for row in ending.segments)
                clips = sum(end.clip is not None for row in ending.segments for end in row)
                assert clips == sum(place[0] == ending.name for place in self.done)
                self.ended[ending.name] = ending.status
            case Exit():
                self.exits += 1
            case _:
                pass


Worlds.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestWorlds = Worlds.TestCase
