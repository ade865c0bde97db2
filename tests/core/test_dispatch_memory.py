"""Workers that run out of memory, or exceed their budget."""

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
from tests.core.dispatcher_driver import Driver, clip_of, make_job, of
from tests.core.simulation import Simulation

GPU = "gpu:0"


def make_plan(workers: int, device: str = GPU, budget_gb: float = 6.0) -> PoolPlan:
    label = "GPU 0" if device == GPU else "CPU"
    return PoolPlan(0, (DevicePlan(device, label, "a GPU", workers, budget_gb),))


def run_out(driver: Driver, worker: int, needs_gb: float | None = None, after_s: float = 0.0) -> None:
    driver.apply(WorkerGone(worker, "out of memory", "CUDA out of memory", needs_gb), after_s)


def report_memory(driver: Driver, gb: float, worker: int = 0) -> list[object]:
    return list(driver.apply(WorkerProgressed(worker, gb, gb)))


def complete_takes(driver: Driver, count: int) -> None:
    """That many takes, of any worker."""
    for _ in range(count):
        takes = {take.take: take for take in of(SendTake, driver.actions)}
        driver.complete(next(takes[t] for w in driver.dispatcher.workers.by_id.values() for t in w.takes))


def test_the_log_names_the_budget_that_fits() -> None:
    """The measured memory with a margin, rounded up to a tenth of a GB."""
    driver = Driver(make_plan(3))
    driver.start()
    run_out(driver, 0, needs_gb=7.01)
    assert "GPU 0: out of memory: now runs 2 workers; a worker needed 7.0 GB: " in driver.log()
    assert "model_memory_gb = 7.4 would fit" in driver.log()


def test_a_worker_that_runs_out_of_memory_within_its_budget_is_not_blamed() -> None:
    """Another program holds the memory, so that another budget would not help."""
    driver = Driver(make_plan(2))
    driver.start()
    run_out(driver, 0, needs_gb=4.0)
    assert "a worker needed 4.0 GB of its 6 GB: something else holds the GPU's memory" in driver.log()


def test_the_log_names_the_budget_also_for_the_last_worker_of_a_gpu() -> None:
    """Its successor starts after a back-off."""
    driver = Driver(make_plan(1))
    driver.tick()
    run_out(driver, 0, needs_gb=9.0)
    assert (
        "the next one starts in 1 s; a worker needed 9.0 GB: model_memory_gb = 9.5 would fit" in driver.log()
    )


def test_the_log_names_no_budget_without_a_measurement() -> None:
    """Nor on a CPU, which has none."""
    for plan, needs_gb in ((make_plan(2), None), (make_plan(2, "cpu", 0.0), 9.0)):
        driver = Driver(plan)
        driver.start()
        run_out(driver, 0, needs_gb)
        assert "now runs 1 workers" in driver.log()
        assert "model_memory_gb" not in driver.log()


def test_workers_that_run_out_of_memory_together_take_one_worker_away() -> None:
    """The exit of the first frees what the second lacked; neither's takes count."""
    driver = Driver(make_plan(3))
    driver.start()
    driver.arrive(make_job(lines=(3,)))
    run_out(driver, 0)
    run_out(driver, 1, after_s=SAME_SHORTAGE_S - 0.1)
    assert 2 == driver.dispatcher.workers.devices[GPU].wanted
    assert [3] == [order.worker for order in of(StartWorker, driver.actions) if order.worker > 2]
    driver.ready(3)
    complete_takes(driver, 3)
    assert [1, 1, 1] == [segment.takes for segment in driver.outcomes()[0].segments[0]]


def test_the_last_two_workers_that_run_out_of_memory_together_leave_one() -> None:
    """It is started at once."""
    driver = Driver(make_plan(2))
    driver.start()
    run_out(driver, 0)
    run_out(driver, 1)
    assert [2] == [order.worker for order in of(StartWorker, driver.actions) if order.worker > 1]
    assert 0 == driver.dispatcher.workers.devices[GPU].early_exits


def test_each_later_out_of_memory_takes_another_worker_away() -> None:
    """Two were still too many."""
    driver = Driver(make_plan(3))
    driver.start()
    run_out(driver, 0)
    run_out(driver, 1, after_s=SAME_SHORTAGE_S)
    assert 1 == driver.dispatcher.workers.devices[GPU].wanted


def test_a_worker_over_its_budget_is_replaced_between_takes() -> None:
    """On a GPU it exits before its successor starts; its take in flight is completed and counts."""
    driver = Driver(make_plan(1))
    driver.start()
    driver.arrive(make_job(lines=(MIN_TAKES_BEFORE_REPLACEMENT + 2,)))
    complete_takes(driver, MIN_TAKES_BEFORE_REPLACEMENT)
    assert [DrainWorker(0)] == [a for a in report_memory(driver, 6.5) if isinstance(a, DrainWorker)]
    complete_takes(driver, 1)
    assert [StartWorker(1, GPU, 0)] == of(StartWorker, driver.apply(WorkerGone(0, "ended", "it was told to")))
    driver.ready(1)
    complete_takes(driver, 1)
    assert {1} == {segment.takes for segment in driver.outcomes()[0].segments[0]}
    assert "[Worker 0] holds 6.5 GB, over its budget of 6 GB (pool.model_memory_gb)" in driver.log()


def test_on_a_cpu_the_successor_is_ready_before_the_old_worker_is_drained() -> None:
    """So that a worker is always ready."""
    driver = Driver(make_plan(1, "cpu", 2.0))
    driver.start()
    driver.arrive(make_job(lines=(MIN_TAKES_BEFORE_REPLACEMENT + 9,)))
    complete_takes(driver, MIN_TAKES_BEFORE_REPLACEMENT)
    assert [StartWorker(1, "cpu", 0)] == report_memory(driver, 2.5)[1:]
    assert [DrainWorker(0)] == of(DrainWorker, driver.ready(1))


def test_workers_that_leak_are_replaced_one_by_one_and_nothing_is_lost() -> None:
    """In a long job, where a worker's memory grows by 0.1 GB with each take, up to a budget of 2 GB."""
    simulation = Simulation(make_plan(3, "cpu", 2.0))
    simulation.apply(JobArrived("job", make_job(lines=(300,))))
    simulation.run(until=5.0)
    simulation.num_ready.clear()
    while "job" not in simulation.finished:
        for worker in tuple(simulation.dispatcher.workers.by_id.values()):
            simulation.apply(WorkerProgressed(worker.id, 0.4 + 0.1 * worker.num_spoken))
        simulation.run(until=simulation.now + 5.0)
    assert 300 == sum(simulation.spoken.values())
    assert {1} == {segment.takes for segment in simulation.finished["job"][1].segments[0]}
    assert 12 < max(simulation.dispatcher.workers.by_id)
    assert 2 <= min(simulation.num_ready)


def test_a_new_worker_is_not_replaced_for_its_memory() -> None:
    """A budget that is slightly too small must not cause a load for every take."""
    driver = Driver(make_plan(1))
    driver.start()
    driver.arrive(make_job(lines=(MIN_TAKES_BEFORE_REPLACEMENT + 1,)))
    complete_takes(driver, MIN_TAKES_BEFORE_REPLACEMENT - 1)
    assert [] == report_memory(driver, 6.5)


def test_a_worker_over_its_budget_from_the_start_is_never_replaced() -> None:
    """Another one would need as much; a warning names the key."""
    driver = Driver(make_plan(1))
    driver.tick()
    driver.apply(WorkerReady(0, 1, "an engine", memory_gb=6.2))
    warning = (
        "[Worker 0] holds 6.2 GB as soon as it is loaded, over its budget of 6 GB (pool.model_memory_gb)"
    )
    assert warning in driver.log()
    driver.arrive(make_job(lines=(MIN_TAKES_BEFORE_REPLACEMENT + 1,)))
    complete_takes(driver, MIN_TAKES_BEFORE_REPLACEMENT)
    assert [] == report_memory(driver, 7.0)


def test_a_worker_whose_slots_become_fewer_gets_fewer_takes() -> None:
    """It keeps those in flight; 0 means that its slots are unchanged."""
    driver = Driver(make_plan(1))
    driver.start(slots=3)
    first, second, third = of(SendTake, driver.arrive(make_job(lines=(9,))))
    dispatcher, now = driver.dispatcher, driver.now
    for take in (first, second):
        assert [] == dispatcher.handle(WorkerProgressed(0, slots=1), now)
        assert [] == dispatcher.handle(TakeCompleted(0, take.take, clip_of(take)), now)
    driver.apply(WorkerProgressed(0))
    assert [1] == [len(of(SendTake, driver.complete(third)))]
