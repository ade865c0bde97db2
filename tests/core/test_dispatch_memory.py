"""Workers that run out of memory, or hold more and more of it."""

from fishd.core.dispatch.actions import DrainWorker, SendTake, StartWorker
from fishd.core.dispatch.devices import SAME_SHORTAGE_S
from fishd.core.dispatch.events import (
    DevicePlan,
    JobArrived,
    PoolPlan,
    TakeCompleted,
    WorkerGone,
    WorkerProgressed,
    WorkerReady,
)
from fishd.core.dispatch.workers import MIN_TAKES_BEFORE_REPLACEMENT
from tests.core.stage import Script, World, clip_of, make_job, of

GPU = "gpu:0"


def make_plan(workers: int, device: str = GPU, budget_gb: float = 6.0) -> PoolPlan:
    label = "GPU 0" if device == GPU else "CPU"
    return PoolPlan(0, (DevicePlan(device, label, "a card", workers, budget_gb),))


def run_out(script: Script, worker: int, needs_gb: float | None = None, after_s: float = 0.0) -> None:
    script.tell(WorkerGone(worker, "out of memory", "CUDA out of memory", needs_gb), after_s)


def hold(script: Script, gb: float, worker: int = 0) -> list[object]:
    return list(script.tell(WorkerProgressed(worker, gb, gb)))


def speak(script: Script, count: int) -> None:
    """So many takes are spoken, whoever holds them."""
    for _ in range(count):
        takes = {take.take: take for take in of(SendTake, script.heard)}
        script.speak(next(takes[t] for w in script.dispatcher.workers.by_id.values() for t in w.takes))


def test_the_budget_that_would_fit_is_said() -> None:
    """From what the worker measured, with a little to spare, upwards to a tenth."""
    script = Script(make_plan(3))
    script.start()
    run_out(script, 0, needs_gb=7.01)
    assert "GPU 0: out of memory: now runs 2 workers; a worker needed 7.0 GB: " in script.said()
    assert "model_memory_gb = 7.4 would fit" in script.said()


def test_a_worker_within_its_budget_that_finds_no_memory_is_not_to_blame() -> None:
    """Somebody else holds the card: another budget would not help."""
    script = Script(make_plan(2))
    script.start()
    run_out(script, 0, needs_gb=4.0)
    assert "a worker needed 4.0 GB of its 6 GB: something else holds the card's memory" in script.said()


def test_the_last_worker_of_a_card_names_the_budget_too() -> None:
    """It can run no fewer: it backs off, and says what to set."""
    script = Script(make_plan(1))
    script.tick()
    run_out(script, 0, needs_gb=9.0)
    assert (
        "the next one starts in 1 s; a worker needed 9.0 GB: model_memory_gb = 9.5 would fit" in script.said()
    )


def test_without_a_measure_no_budget_is_invented() -> None:
    """Nor on a CPU, where there is none."""
    for plan, needs_gb in ((make_plan(2), None), (make_plan(2, "cpu", 0.0), 9.0)):
        script = Script(plan)
        script.start()
        run_out(script, 0, needs_gb)
        assert "now runs 1 workers" in script.said()
        assert "model_memory_gb" not in script.said()


def test_workers_that_run_out_of_memory_together_cost_one_worker() -> None:
    """The first has freed what the second wanted; no take of either counts."""
    script = Script(make_plan(3))
    script.start()
    script.arrive(make_job(lines=(3,)))
    run_out(script, 0)
    run_out(script, 1, after_s=SAME_SHORTAGE_S - 0.1)
    assert 2 == script.dispatcher.workers.devices[GPU].wanted
    assert [3] == [order.worker for order in of(StartWorker, script.heard) if order.worker > 2]
    script.ready(3)
    speak(script, 3)
    assert [1, 1, 1] == [segment.takes for segment in script.endings()[0].segments[0]]


def test_the_last_two_that_run_out_of_memory_together_leave_one() -> None:
    """The second is not held to be hopeless: one starts at once in its place."""
    script = Script(make_plan(2))
    script.start()
    run_out(script, 0)
    run_out(script, 1)
    assert [2] == [order.worker for order in of(StartWorker, script.heard) if order.worker > 1]
    assert 0 == script.dispatcher.workers.devices[GPU].early_exits


def test_later_wants_of_memory_cost_a_worker_each() -> None:
    """Two are still too many."""
    script = Script(make_plan(3))
    script.start()
    run_out(script, 0)
    run_out(script, 1, after_s=SAME_SHORTAGE_S)
    assert 1 == script.dispatcher.workers.devices[GPU].wanted


def test_a_worker_that_holds_more_than_its_budget_is_replaced_between_takes() -> None:
    """On a GPU it goes first, for the memory; its take in hand is spoken and counts."""
    script = Script(make_plan(1))
    script.start()
    script.arrive(make_job(lines=(MIN_TAKES_BEFORE_REPLACEMENT + 2,)))
    speak(script, MIN_TAKES_BEFORE_REPLACEMENT)
    assert [DrainWorker(0)] == [a for a in hold(script, 6.5) if isinstance(a, DrainWorker)]
    speak(script, 1)
    assert [StartWorker(1, GPU, 0)] == of(StartWorker, script.tell(WorkerGone(0, "ended", "it was told to")))
    script.ready(1)
    speak(script, 1)
    assert {1} == {segment.takes for segment in script.endings()[0].segments[0]}
    assert "[Worker 0] holds 6.5 GB, over its budget of 6 GB (pool.model_memory_gb)" in script.said()


def test_on_a_cpu_the_next_one_is_ready_before_the_outgrown_goes() -> None:
    """Somebody always serves."""
    script = Script(make_plan(1, "cpu", 2.0))
    script.start()
    script.arrive(make_job(lines=(MIN_TAKES_BEFORE_REPLACEMENT + 9,)))
    speak(script, MIN_TAKES_BEFORE_REPLACEMENT)
    assert [StartWorker(1, "cpu", 0)] == hold(script, 2.5)[1:]
    assert [DrainWorker(0)] == of(DrainWorker, script.ready(1))


def test_workers_that_leak_are_replaced_one_by_one_and_nothing_is_lost() -> None:
    """A long job: each worker holds a tenth of a GB more after each take, and is allowed two."""
    world = World(make_plan(3, "cpu", 2.0))
    world.tell(JobArrived("job", make_job(lines=(300,))))
    world.run(until=5.0)
    world.serving.clear()
    while "job" not in world.ended:
        for worker in tuple(world.dispatcher.workers.by_id.values()):
            world.tell(WorkerProgressed(worker.id, 0.4 + 0.1 * worker.num_spoken))
        world.run(until=world.now + 5.0)
    assert 300 == sum(world.spoken.values())
    assert {1} == {segment.takes for segment in world.ended["job"][1].segments[0]}
    assert 12 < max(world.dispatcher.workers.by_id)
    assert 2 <= min(world.serving)


def test_a_young_worker_is_not_replaced_for_its_memory() -> None:
    """A budget that is a little too small does not cost a load at every take."""
    script = Script(make_plan(1))
    script.start()
    script.arrive(make_job(lines=(MIN_TAKES_BEFORE_REPLACEMENT + 1,)))
    speak(script, MIN_TAKES_BEFORE_REPLACEMENT - 1)
    assert [] == hold(script, 6.5)


def test_an_engine_that_is_over_its_budget_once_loaded_is_left_alone() -> None:
    """Another would be no smaller: it is said, with the key, and never replaced."""
    script = Script(make_plan(1))
    script.tick()
    script.tell(WorkerReady(0, 1, "an engine", memory_gb=6.2))
    said = "[Worker 0] holds 6.2 GB as soon as it is loaded, over its budget of 6 GB (pool.model_memory_gb)"
    assert said in script.said()
    script.arrive(make_job(lines=(MIN_TAKES_BEFORE_REPLACEMENT + 1,)))
    speak(script, MIN_TAKES_BEFORE_REPLACEMENT)
    assert [] == hold(script, 7.0)


def test_a_worker_whose_engine_has_fewer_slots_gets_fewer_takes() -> None:
    """Those that it holds already stay with it, and 0 says that nothing has changed."""
    script = Script(make_plan(1))
    script.start(slots=3)
    first, second, third = of(SendTake, script.arrive(make_job(lines=(9,))))
    dispatcher, now = script.dispatcher, script.now
    for take in (first, second):
        assert [] == dispatcher.handle(WorkerProgressed(0, slots=1), now)
        assert [] == dispatcher.handle(TakeCompleted(0, take.take, clip_of(take)), now)
    script.tell(WorkerProgressed(0))
    assert [1] == [len(of(SendTake, script.speak(third)))]
