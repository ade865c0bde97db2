"""The pool grows, shrinks, is replaced and stops while it runs; no segment is lost or spoken twice."""

import random

import pytest

from fishd.core.dispatch.actions import DrainWorker, Exit, FinishJob, KillWorker, SendTake, StartWorker
from fishd.core.dispatch.events import JobArrived, PlanChanged, StopRequested, Tick, WorkerGone, WorkerReady
from fishd.core.dispatch.workers import WorkerState
from tests.core.dispatcher_driver import Driver, make_job, make_plan, of
from tests.core.simulation import Simulation


def test_growing_starts_the_missing_workers_at_once():
    """From one to three: two more."""
    driver = Driver(make_plan(1))
    driver.start()
    assert [1, 2] == [order.worker for order in of(StartWorker, driver.apply(PlanChanged(make_plan(3))))]


def test_shrinking_drains_the_idle_first():
    """The worker with a take stays."""
    driver = Driver(make_plan(3))
    driver.start()
    (take,) = of(SendTake, driver.arrive(make_job()))
    drained = [order.worker for order in of(DrainWorker, driver.apply(PlanChanged(make_plan(1))))]
    assert [2, 1] == drained
    assert 0 == take.worker


def test_a_busy_worker_that_is_drained_completes_its_take():
    """It gets no new one, and is not killed before drain_s."""
    driver = Driver(make_plan(2, drain_s=60.0))
    driver.start()
    driver.arrive(make_job(lines=(4,)))
    first, second = of(SendTake, driver.actions)
    assert [DrainWorker(1)] == driver.apply(PlanChanged(make_plan(1, drain_s=60.0)))
    assert [] == driver.complete(second)
    assert [] == driver.lose(1)
    assert [0] == [take.worker for take in of(SendTake, driver.complete(first))]


def test_a_worker_that_drains_for_too_long_is_killed_and_its_take_does_not_count():
    """The segment is sent again as the same take."""
    driver = Driver(make_plan(2, drain_s=60.0))
    driver.start()
    driver.arrive(make_job(lines=(2,)))
    (_, second) = of(SendTake, driver.actions)
    driver.apply(PlanChanged(make_plan(1, drain_s=60.0)))
    assert [KillWorker(1, "had not exited 60 s after it was told to")] == driver.tick(after_s=60.0)
    driver.lose(1)
    again = of(SendTake, driver.complete(of(SendTake, driver.actions)[0]))
    assert [(second.segment, 1, second.seed)] == [(take.segment, take.number, take.seed) for take in again]


def test_shrinking_kills_workers_that_are_loading_first():
    """They need not load to the end."""
    driver = Driver(make_plan(4))
    driver.tick()
    kills = of(KillWorker, driver.apply(PlanChanged(make_plan(2))))
    assert [3, 2] == [kill.worker for kill in kills]


@pytest.mark.parametrize("seed", range(50))
def test_resizing_at_random_moments_loses_nothing_and_speaks_nothing_twice(seed: int):
    """1 -> 4 -> 2 -> 3 during a job: every segment is spoken once."""
    chance = random.Random(seed)
    simulation = Simulation(
        make_plan(1), slots=chance.choice((1, 3)), cost_s=lambda _take: chance.uniform(0.2, 3.0)
    )
    simulation.schedule(0.0, JobArrived("job", make_job("job", (20, 20))))
    moments = sorted(chance.uniform(0.0, 15.0) for _ in range(3))
    for moment, wanted in zip(moments, (4, 2, 3), strict=True):
        simulation.schedule(moment, PlanChanged(make_plan(wanted)))
    simulation.run()
    assert 40 == len(simulation.spoken)
    assert {1} == set(simulation.spoken.values())
    assert 3 == len(simulation.dispatcher.workers.by_id)
    assert ["job"] == list(simulation.finished)


@pytest.mark.parametrize("plan", [(3,), (2, 2), (1, 1)])
def test_a_new_generation_replaces_worker_by_worker(plan: tuple[int, ...]):
    """A worker is ready at every moment, and all are of the new generation in the end."""
    simulation = Simulation(make_plan(*plan), load_s=5.0)
    simulation.schedule(0.0, JobArrived("job", make_job("job", (60, 60))))
    simulation.schedule(20.0, PlanChanged(make_plan(*plan, generation=1)))
    simulation.run(until=20.0)
    simulation.num_ready.clear()
    simulation.run()
    assert 1 <= min(simulation.num_ready)
    assert {1} == {worker.generation for worker in simulation.dispatcher.workers.by_id.values()}
    assert sum(plan) == len(simulation.dispatcher.workers.by_id)
    assert {1} == set(simulation.spoken.values())


def test_a_single_worker_on_the_cpu_stays_until_its_successor_is_ready():
    """There is memory for two for a while."""
    simulation = Simulation(make_plan(1), load_s=5.0)
    simulation.schedule(0.0, Tick())
    simulation.run(until=10.0)
    simulation.num_ready.clear()
    simulation.schedule(10.0, PlanChanged(make_plan(1, generation=1)))
    simulation.run()
    assert 1 <= min(simulation.num_ready)
    assert [1] == [worker.generation for worker in simulation.dispatcher.workers.by_id.values()]


def test_a_single_worker_on_a_gpu_exits_before_its_successor_starts():
    """The GPU may have no memory for two."""
    driver = Driver(make_plan(1, device="gpu:0"))
    driver.start()
    changed = driver.apply(PlanChanged(make_plan(1, device="gpu:0", generation=1)))
    assert [DrainWorker(0)] == changed
    assert [] == driver.tick()
    assert [StartWorker(1, "gpu:0", 1)] == driver.lose(0)


def test_a_worker_that_loads_an_old_generation_is_killed():
    """A fixed checkpoint is loaded at once, not when loading the broken one has timed out."""
    driver = Driver(make_plan(1))
    driver.tick()
    changed = driver.apply(PlanChanged(make_plan(1, generation=1)))
    assert [0] == [kill.worker for kill in of(KillWorker, changed)]
    assert [StartWorker(1, "cpu", 1)] == of(StartWorker, changed)


def test_a_generation_that_cannot_load_does_not_empty_the_pool():
    """The others of the old generation stay."""
    driver = Driver(make_plan(3))
    driver.start()
    driver.apply(PlanChanged(make_plan(3, generation=1)))
    for _ in range(10):
        for worker in tuple(driver.dispatcher.workers.by_id.values()):
            if worker.state is WorkerState.DRAINING:
                driver.lose(worker.id)
            elif worker.state is WorkerState.STARTING:
                driver.lose(worker.id, "load")
        driver.tick(after_s=100.0)
    assert driver.dispatcher.workers.devices["cpu"].is_broken
    assert 2 == sum(1 for _ in driver.dispatcher.workers.ready())


def test_no_other_worker_is_replaced_before_the_first_successor_is_ready():
    """While that cannot load, the others stay."""
    driver = Driver(make_plan(1, 1))
    driver.start()
    driver.apply(PlanChanged(make_plan(1, 1, generation=1)))
    (first,) = of(DrainWorker, driver.actions)
    driver.lose(first.worker)
    driver.lose(2, "load")
    driver.tick()
    assert 1 == len(of(DrainWorker, driver.actions))
    assert 1 == sum(1 for _ in driver.dispatcher.workers.ready())


def test_moving_to_another_device_keeps_the_last_worker_until_a_new_one_is_ready():
    """From the CPU to a GPU."""
    driver = Driver(make_plan(1))
    driver.start()
    changed = driver.apply(PlanChanged(make_plan(1, device="gpu:0", generation=1)))
    assert [StartWorker(1, "gpu:0", 1)] == changed
    assert [DrainWorker(0)] == of(DrainWorker, driver.ready(1))


def test_a_stop_waits_for_takes_in_flight():
    """No take is sent; the exit follows the last worker's; an unfinished job is left for the next start."""
    driver = Driver(make_plan(1))
    driver.start()
    driver.arrive(make_job(lines=(2,)))
    (take,) = of(SendTake, driver.actions)
    assert [DrainWorker(0)] == driver.apply(StopRequested())
    assert [] == driver.complete(take)
    assert [Exit()] == driver.lose(0)
    assert ["job"] == list(driver.dispatcher.jobs)


def test_a_job_whose_last_take_is_in_flight_at_the_stop_is_finished():
    """Before the exit."""
    driver = Driver(make_plan(1))
    driver.start()
    (take,) = of(SendTake, driver.arrive(make_job()))
    driver.apply(StopRequested())
    assert 1 == len(of(FinishJob, driver.complete(take)))
    assert [Exit()] == driver.lose(0)


def test_a_stop_kills_workers_that_are_loading():
    """They have no takes to wait for."""
    driver = Driver(make_plan(1))
    driver.tick()
    assert [KillWorker(0, "no longer wanted")] == driver.apply(StopRequested())


def test_a_second_stop_kills_every_worker_and_their_takes_do_not_count():
    """No segment fails because of it."""
    driver = Driver(make_plan(1, max_takes=1))
    driver.start()
    driver.arrive(make_job())
    driver.apply(StopRequested())
    assert [KillWorker(0, "the daemon stops at once")] == driver.apply(StopRequested())
    assert [Exit()] == of(Exit, driver.lose(0))
    assert [] == driver.outcomes()


def test_a_stop_takes_no_longer_than_drain_s():
    """A worker that is still busy then is killed, and the exit follows."""
    simulation = Simulation(make_plan(1, drain_s=10.0), cost_s=lambda _take: 1e5)
    simulation.schedule(0.0, JobArrived("job", make_job()))
    simulation.schedule(5.0, StopRequested())
    simulation.run(until=20.0)
    assert simulation.exited
    assert not simulation.finished


def test_a_stop_without_workers_exits_at_once():
    """And only once."""
    driver = Driver(make_plan(1))
    assert [Exit()] == driver.apply(StopRequested())
    assert [] == driver.apply(StopRequested())


def test_a_job_that_arrives_during_a_stop_is_left_for_the_next_start():
    """It is not checked."""
    driver = Driver(make_plan(1))
    driver.start()
    driver.apply(StopRequested())
    assert [] == driver.apply(JobArrived("job", make_job()))
    assert ["job"] == list(driver.dispatcher.jobs)


def test_late_events_of_a_worker_that_was_killed_are_ignored():
    """Ready after the drain, gone twice."""
    driver = Driver(make_plan(1))
    driver.tick()
    driver.apply(StopRequested())
    assert [] == driver.apply(WorkerReady(0, 1, "an engine"))
    assert [Exit()] == driver.lose(0)
    assert [] == driver.apply(WorkerGone(0, "ended", "again"))
