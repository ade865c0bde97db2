"""The pool changes while it runs: grow, shrink, renew, stop. Nothing in hand is lost or spoken twice."""

import random

import pytest

from fishd.core.dispatch.actions import DrainWorker, Exit, FinishJob, KillWorker, SendTake, StartWorker
from fishd.core.dispatch.events import JobArrived, PlanChanged, StopRequested, Tick, WorkerGone, WorkerReady
from fishd.core.dispatch.workers import WorkerState
from tests.core.stage import Script, World, make_job, make_plan, of


def test_growing_starts_what_is_missing_at_once():
    """From one to three: two more, and the first goes on."""
    script = Script(make_plan(1))
    script.start()
    assert [1, 2] == [order.worker for order in of(StartWorker, script.tell(PlanChanged(make_plan(3))))]


def test_shrinking_drains_the_idle_first():
    """The worker with a take in hand stays."""
    script = Script(make_plan(3))
    script.start()
    (take,) = of(SendTake, script.arrive(make_job()))
    drained = [order.worker for order in of(DrainWorker, script.tell(PlanChanged(make_plan(1))))]
    assert [2, 1] == drained
    assert 0 == take.worker


def test_a_busy_worker_that_must_go_finishes_its_take():
    """It gets no new one, its clip counts, and it is not killed before drain_s."""
    script = Script(make_plan(2, drain_s=60.0))
    script.start()
    script.arrive(make_job(lines=(4,)))
    first, second = of(SendTake, script.heard)
    assert [DrainWorker(1)] == script.tell(PlanChanged(make_plan(1, drain_s=60.0)))
    assert [] == script.speak(second)
    assert [] == script.lose(1)
    assert [0] == [take.worker for take in of(SendTake, script.speak(first))]


def test_a_drain_that_takes_too_long_ends_by_force_and_costs_no_take():
    """The segment waits again as the same take."""
    script = Script(make_plan(2, drain_s=60.0))
    script.start()
    script.arrive(make_job(lines=(2,)))
    (_, second) = of(SendTake, script.heard)
    script.tell(PlanChanged(make_plan(1, drain_s=60.0)))
    assert [KillWorker(1, "had not exited 60 s after it was told to")] == script.tick(after_s=60.0)
    script.lose(1)
    again = of(SendTake, script.speak(of(SendTake, script.heard)[0]))
    assert [(second.segment, 1, second.seed)] == [(take.segment, take.number, take.seed) for take in again]


def test_loading_workers_that_are_too_many_are_ended_first():
    """Nobody is ready yet: what has just begun to load need not load to the end."""
    script = Script(make_plan(4))
    script.tick()
    kills = of(KillWorker, script.tell(PlanChanged(make_plan(2))))
    assert [3, 2] == [kill.worker for kill in kills]


@pytest.mark.parametrize("seed", range(50))
def test_resizing_at_random_moments_loses_nothing_and_speaks_nothing_twice(seed: int):
    """1 -> 4 -> 2 -> 3 under a running job: every segment is spoken once."""
    chance = random.Random(seed)
    world = World(make_plan(1), slots=chance.choice((1, 3)), cost_s=lambda _take: chance.uniform(0.2, 3.0))
    world.at(0.0, JobArrived("job", make_job("job", (20, 20))))
    moments = sorted(chance.uniform(0.0, 15.0) for _ in range(3))
    for moment, wanted in zip(moments, (4, 2, 3), strict=True):
        world.at(moment, PlanChanged(make_plan(wanted)))
    world.run()
    assert 40 == len(world.spoken)
    assert {1} == set(world.spoken.values())
    assert 3 == len(world.dispatcher.workers.by_id)
    assert ["job"] == list(world.ended)


@pytest.mark.parametrize("plan", [(3,), (2, 2), (1, 1)])
def test_a_new_generation_replaces_worker_by_worker(plan: tuple[int, ...]):
    """All are of the new generation in the end, and some served at every moment."""
    world = World(make_plan(*plan), load_s=5.0)
    world.at(0.0, JobArrived("job", make_job("job", (60, 60))))
    world.at(20.0, PlanChanged(make_plan(*plan, generation=1)))
    world.run(until=20.0)
    world.serving.clear()
    world.run()
    assert 1 <= min(world.serving)
    assert {1} == {worker.generation for worker in world.dispatcher.workers.by_id.values()}
    assert sum(plan) == len(world.dispatcher.workers.by_id)
    assert {1} == set(world.spoken.values())


def test_a_single_worker_on_the_cpu_serves_until_its_successor_is_ready():
    """There is memory for two for a while: nobody waits."""
    world = World(make_plan(1), load_s=5.0)
    world.at(0.0, Tick())
    world.run(until=10.0)
    world.serving.clear()
    world.at(10.0, PlanChanged(make_plan(1, generation=1)))
    world.run()
    assert 1 <= min(world.serving)
    assert [1] == [worker.generation for worker in world.dispatcher.workers.by_id.values()]


def test_a_single_worker_on_a_gpu_makes_room_for_its_successor():
    """The card may not hold two: the new one starts when the old one is gone."""
    script = Script(make_plan(1, device="gpu:0"))
    script.start()
    changed = script.tell(PlanChanged(make_plan(1, device="gpu:0", generation=1)))
    assert [DrainWorker(0)] == changed
    assert [] == script.tick()
    assert [StartWorker(1, "gpu:0", 1)] == script.lose(0)


def test_a_load_of_an_old_generation_is_given_up():
    """A mended checkpoint is loaded now, not when the broken one has timed out."""
    script = Script(make_plan(1))
    script.tick()
    changed = script.tell(PlanChanged(make_plan(1, generation=1)))
    assert [0] == [kill.worker for kill in of(KillWorker, changed)]
    assert [StartWorker(1, "cpu", 1)] == of(StartWorker, changed)


def test_a_generation_that_cannot_load_does_not_empty_the_pool():
    """The first new worker dies again and again: the others of the old generation go on."""
    script = Script(make_plan(3))
    script.start()
    script.tell(PlanChanged(make_plan(3, generation=1)))
    for _ in range(10):
        for worker in tuple(script.dispatcher.workers.by_id.values()):
            if worker.state is WorkerState.DRAINING:
                script.lose(worker.id)
            elif worker.state is WorkerState.STARTING:
                script.lose(worker.id, "load")
        script.tick(after_s=100.0)
    assert script.dispatcher.workers.devices["cpu"].is_broken
    assert 2 == sum(1 for _ in script.dispatcher.workers.ready())


def test_no_other_worker_is_replaced_before_the_first_replacement_stands():
    """While one is missing because its successor could not load, the others serve."""
    script = Script(make_plan(1, 1))
    script.start()
    script.tell(PlanChanged(make_plan(1, 1, generation=1)))
    (first,) = of(DrainWorker, script.heard)
    script.lose(first.worker)
    script.lose(2, "load")
    script.tick()
    assert 1 == len(of(DrainWorker, script.heard))
    assert 1 == sum(1 for _ in script.dispatcher.workers.ready())


def test_moving_to_another_device_keeps_the_last_worker_until_the_first_is_ready():
    """From the CPU to a GPU: the old one serves while the new one loads."""
    script = Script(make_plan(1))
    script.start()
    changed = script.tell(PlanChanged(make_plan(1, device="gpu:0", generation=1)))
    assert [StartWorker(1, "gpu:0", 1)] == changed
    assert [DrainWorker(0)] == of(DrainWorker, script.ready(1))


def test_stop_finishes_what_is_in_hand_and_then_exits():
    """No new take; the exit comes when the last worker is gone; the job is left for the next start."""
    script = Script(make_plan(1))
    script.start()
    script.arrive(make_job(lines=(2,)))
    (take,) = of(SendTake, script.heard)
    assert [DrainWorker(0)] == script.tell(StopRequested())
    assert [] == script.speak(take)
    assert [Exit()] == script.lose(0)
    assert ["job"] == list(script.dispatcher.jobs)


def test_a_job_whose_last_take_is_in_hand_at_the_stop_is_finished():
    """Its ending is handed out before the exit."""
    script = Script(make_plan(1))
    script.start()
    (take,) = of(SendTake, script.arrive(make_job()))
    script.tell(StopRequested())
    assert 1 == len(of(FinishJob, script.speak(take)))
    assert [Exit()] == script.lose(0)


def test_stop_ends_what_still_loads():
    """A worker that loads holds nothing worth waiting for."""
    script = Script(make_plan(1))
    script.tick()
    assert [KillWorker(0, "no longer wanted")] == script.tell(StopRequested())


def test_a_second_stop_stops_at_once_and_costs_no_take():
    """Everything is killed; no segment fails for it."""
    script = Script(make_plan(1, max_takes=1))
    script.start()
    script.arrive(make_job())
    script.tell(StopRequested())
    assert [KillWorker(0, "the daemon stops at once")] == script.tell(StopRequested())
    assert [Exit()] == of(Exit, script.lose(0))
    assert [] == script.endings()


def test_the_drain_at_a_stop_has_an_end():
    """A worker in hand is killed after drain_s, and the exit follows."""
    world = World(make_plan(1, drain_s=10.0), cost_s=lambda _take: 1e5)
    world.at(0.0, JobArrived("job", make_job()))
    world.at(5.0, StopRequested())
    world.run(until=20.0)
    assert world.exited
    assert not world.ended


def test_stop_with_nobody_there_exits_at_once():
    """An empty pool has nothing to wait for."""
    script = Script(make_plan(1))
    assert [Exit()] == script.tell(StopRequested())
    assert [] == script.tell(StopRequested())


def test_a_job_that_arrives_while_stopping_is_left_for_the_next_start():
    """It is neither asked about nor lost."""
    script = Script(make_plan(1))
    script.start()
    script.tell(StopRequested())
    assert [] == script.tell(JobArrived("job", make_job()))
    assert ["job"] == list(script.dispatcher.jobs)


def test_late_words_of_a_worker_that_was_told_to_go_are_harmless():
    """Ready after the drain, gone twice."""
    script = Script(make_plan(1))
    script.tick()
    script.tell(StopRequested())
    assert [] == script.tell(WorkerReady(0, 1, "an engine"))
    assert [Exit()] == script.lose(0)
    assert [] == script.tell(WorkerGone(0, "ended", "again"))
