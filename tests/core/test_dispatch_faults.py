"""Takes that fail, workers that exit or hang: what is retried, what fails, and when a device pauses."""

import pytest

from fishd.core.dispatch.actions import (
    FinishJob,
    InspectReference,
    KillWorker,
    RecordFailure,
    SendTake,
    StartWorker,
)
from fishd.core.dispatch.events import (
    CancelRequested,
    CheckCompleted,
    JobArrived,
    PlanChanged,
    WorkerProgressed,
)
from fishd.core.dispatch.workers import MAX_TAKE_TIMEOUTS
from fishd.core.model.job import JobStatus, SegmentFailure
from tests.core.dispatcher_driver import Driver, make_job, make_plan, of

LATE_S = 1000.0


def one_take(driver: Driver, lines: int = 1) -> SendTake:
    (take,) = of(SendTake, driver.arrive(make_job(lines=(lines,))))
    return take


def test_a_failed_take_is_retried_with_another_seed():
    """As take 2 of the same segment."""
    driver = Driver()
    driver.start()
    first = one_take(driver)
    (second,) = of(SendTake, driver.fail(first))
    assert (first.segment, 2) == (second.segment, second.number)
    assert first.seed != second.seed


def test_a_take_that_another_seed_cannot_help_fails_its_segment_at_once():
    """The other segments of the job are spoken."""
    driver = Driver()
    driver.start()
    (second,) = of(SendTake, driver.fail(one_take(driver, lines=2), retry=False))
    driver.complete(second)
    (outcome,) = driver.outcomes()
    assert JobStatus.PARTIAL == outcome.status
    assert ["it failed", ""] == [segment.error for segment in outcome.segments[0]]


def test_a_segment_has_at_most_max_takes_takes():
    """Then it fails, and its error has the number of takes."""
    driver = Driver()
    driver.start()
    one_take(driver)
    for at in range(3):
        driver.fail(of(SendTake, driver.actions)[at])
    assert 3 == len(of(SendTake, driver.actions))
    (outcome,) = driver.outcomes()
    assert (3, "it failed (3 takes)") == (outcome.segments[0][0].takes, outcome.segments[0][0].error)


def test_a_reload_takes_no_waiting_retry_away():
    """A segment that waits for its second take gets it, although only one is allowed now."""
    driver = Driver(make_plan(1, max_takes=3))
    driver.start()
    first = one_take(driver)
    driver.lose(0)
    driver.apply(PlanChanged(make_plan(1, max_takes=1)))
    driver.start()
    second = of(SendTake, driver.actions)[-1]
    assert (1, 2) == (first.number, second.number)
    driver.fail(second)
    assert ["it failed (2 takes)"] == [s.error for e in driver.outcomes() for s in e.segments[0]]


def test_a_take_that_was_lost_with_its_worker_goes_to_another_worker():
    """As take 2, as soon as it has a free slot."""
    driver = Driver(make_plan(2))
    driver.start()
    first = one_take(driver)
    (second,) = of(SendTake, driver.lose(first.worker))
    assert (1 - first.worker, 2) == (second.worker, second.number)


def test_a_worker_that_completed_a_take_is_replaced_at_once():
    """Its exit causes no back-off."""
    driver = Driver()
    driver.start()
    driver.complete(one_take(driver, lines=2))
    assert [1] == [order.worker for order in of(StartWorker, driver.lose(0))]


def test_a_poison_segment_fails_alone():
    """Four segments share a worker that exits because of one; their last takes run one at a time."""
    driver = Driver(make_plan(1))
    driver.start(slots=4)
    driver.arrive(make_job(lines=(4,)))
    for _ in range(100):
        if driver.dispatcher.is_idle:
            break
        step_with_poison(driver)
    (outcome,) = driver.outcomes()
    errors = [segment.error for segment in outcome.segments[0]]
    assert ["", "", ""] == errors[:2] + errors[3:]
    assert "worker 2 exited while speaking it (it crashed) (3 takes)" == errors[2]


def step_with_poison(driver: Driver) -> None:
    """Segment 2 ends its worker; segments on other workers are completed."""
    for worker in tuple(driver.dispatcher.workers.by_id.values()):
        held = {take: record.order.segment_index for take, record in worker.takes.items()}
        if 2 in held.values():
            driver.lose(worker.id)
            driver.start(slots=4)
        else:
            for take in of(SendTake, driver.actions):
                if take.take in held:
                    driver.complete(take)
    driver.tick(after_s=100.0)
    driver.start(slots=4)


def test_a_segment_that_must_run_alone_is_not_starved():
    """A worker gets no more takes until it is idle and can take the suspect."""
    driver = Driver(make_plan(1))
    driver.start(slots=2)
    driver.arrive(make_job("suspect", (1,)))
    for round_ in range(2):
        driver.lose(next(iter(driver.dispatcher.workers.by_id)))
        driver.apply(JobArrived(f"other {round_}", make_job(f"other {round_}", (50,))))
        driver.tick()
        (worker,) = driver.dispatcher.workers.by_id
        driver.pass_checks(driver.ready(worker, slots=2))
    for _ in range(10):
        takes = {take.take: take for take in of(SendTake, driver.actions)}
        (worker,) = driver.dispatcher.workers.by_id.values()
        for take in tuple(worker.takes):
            driver.complete(takes[take])
    assert "suspect" in {outcome.name for outcome in driver.outcomes()}


def make_suspect(driver: Driver) -> None:
    """A job whose segment was in flight when two workers exited."""
    driver.start(slots=2)
    driver.arrive(make_job("suspect", (1,)))
    driver.lose(0)
    driver.ready(1, slots=2)
    driver.lose(1)


def test_a_suspect_is_not_sent_to_a_worker_that_checks_a_clip():
    """If that worker exited, either could be why; the suspect is sent when the check is complete."""
    driver = Driver()
    make_suspect(driver)
    driver.apply(JobArrived("another", None, references=(("a.wav", "/w/a.wav"),)))
    assert [InspectReference] == [type(action) for action in driver.ready(2, slots=2)]
    assert [3] == [take.number for take in of(SendTake, driver.apply(CheckCompleted(2, "1.0")))]


def test_a_worker_with_a_suspect_gets_no_check():
    """The check waits for another worker, or for the end of the take."""
    driver = Driver()
    make_suspect(driver)
    (take,) = of(SendTake, driver.ready(2, slots=2))
    assert [] == driver.apply(JobArrived("another", None, references=(("a.wav", "/w/a.wav"),)))
    assert [InspectReference(2, "1.0", "/w/a.wav")] == of(InspectReference, driver.complete(take))


def test_a_clip_that_ends_workers_is_a_fault_of_the_bundle():
    """Its check is repeated in other workers, then the job is rejected."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("job", None, references=(("bob.flac", "/w/bob.flac"),)))
    for worker in range(3):
        assert [worker] == [check.worker for check in of(InspectReference, driver.actions)][-1:]
        driver.lose(worker)
        driver.start()
    (outcome,) = driver.outcomes()
    assert JobStatus.REJECTED == outcome.status
    what = "checking it ended 3 workers; the last one: it crashed"
    assert [("bob.flac", what)] == [(fault.where, fault.what) for fault in outcome.faults]


def test_a_lost_check_of_a_cancelled_job_is_not_repeated():
    """Its result is not needed any more."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("job", make_job(), references=(("a.wav", "/w/a.wav"),)))
    driver.apply(CancelRequested("job"))
    driver.lose(0)
    driver.start()
    assert 1 == len(of(InspectReference, driver.actions))
    assert 1 == len(driver.outcomes())


def test_a_worker_that_was_idle_for_long_does_not_count_as_hung():
    """The timeout starts with the next check or take."""
    driver = Driver()
    driver.start()
    driver.tick(after_s=LATE_S)
    check, _ = driver.apply(JobArrived("job", make_job(), references=(("a.wav", "/w/a.wav"),)))
    assert isinstance(check, InspectReference)
    assert [] == driver.tick(after_s=1.0)
    driver.apply(CheckCompleted(0, check.check))
    (take,) = of(SendTake, driver.apply(CheckCompleted(0, "0.options")))
    driver.complete(take)
    driver.tick(after_s=LATE_S)
    driver.arrive(make_job("another"))
    assert [] == of(KillWorker, driver.actions)


def test_a_worker_that_hangs_with_a_take_is_killed():
    """After take_timeout_s without progress; then its take goes to another worker."""
    driver = Driver(make_plan(1, take_timeout_s=60.0))
    driver.start()
    one_take(driver)
    assert [] == driver.tick(after_s=59.0)
    assert [KillWorker(0, "hung: no progress for 60 s")] == driver.tick(after_s=1.0)
    assert [] == driver.tick(after_s=1.0)
    driver.lose(0)
    driver.start()
    assert [1, 2] == [take.number for take in of(SendTake, driver.actions)]


def test_a_worker_that_hangs_with_a_check_is_killed():
    """A decoder may hang too."""
    driver = Driver(make_plan(1, take_timeout_s=60.0))
    driver.start()
    driver.apply(JobArrived("job", None, references=(("a.wav", "/w/a.wav"),)))
    assert [KillWorker(0, "hung: no progress for 60 s")] == driver.tick(after_s=60.0)


def test_a_worker_whose_take_never_ends_is_killed():
    """After some timeouts, although its engine reports progress."""
    driver = Driver(make_plan(1, take_timeout_s=60.0))
    driver.start()
    one_take(driver)
    for _ in range(MAX_TAKE_TIMEOUTS * 2 - 1):
        assert [] == driver.apply(WorkerProgressed(0), after_s=30.0)
    (kill,) = driver.apply(WorkerProgressed(0), after_s=30.0)
    assert KillWorker(0, "hung: a take had not ended after 4 × 60 s") == kill


def test_a_clip_from_a_worker_that_is_being_killed_counts():
    """Its segment is done."""
    driver = Driver(make_plan(1, take_timeout_s=60.0))
    driver.start()
    take = one_take(driver)
    driver.tick(after_s=60.0)
    assert [JobStatus.DONE] == [finish.outcome.status for finish in of(FinishJob, driver.complete(take))]


def test_a_worker_that_is_not_ready_in_time_is_killed():
    """After start_timeout_s."""
    driver = Driver(make_plan(1, start_timeout_s=30.0))
    driver.tick()
    assert [KillWorker(0, "was not ready within 30 s")] == driver.tick(after_s=30.0)


def test_early_exits_back_off_and_open_the_circuit_breaker():
    """After 1, 2, 4 and 8 s; the fifth in a row is logged as an error with the fix."""
    driver = Driver()
    driver.tick()
    for worker, pause_s in enumerate((1, 2, 4, 8)):
        assert [] == of(StartWorker, driver.lose(worker, "load"))
        assert [] == of(StartWorker, driver.tick(after_s=pause_s - 0.01))
        assert [worker + 1] == [order.worker for order in of(StartWorker, driver.tick(after_s=0.01))]
    driver.lose(4, "load")
    assert [] == driver.tick(after_s=LATE_S)
    assert driver.dispatcher.workers.is_stuck
    assert "worker 4 exited before completing a take, 5 in a row: no more are started here" in driver.log()


def test_workers_that_exit_together_count_as_one_early_exit():
    """After the back-off, one is started before the others."""
    driver = Driver(make_plan(4))
    driver.tick()
    driver.now += 5
    for worker in range(4):
        driver.lose(worker, "load", after_s=0.01)
    assert 1 == driver.dispatcher.workers.devices["cpu"].early_exits
    assert [4] == [order.worker for order in of(StartWorker, driver.tick(after_s=1.0))]
    assert [5] == [order.worker for order in of(StartWorker, driver.ready(4))]


def test_a_new_plan_closes_the_circuit_breaker():
    """A reload starts a worker at once."""
    driver = Driver()
    driver.tick()
    for worker in range(5):
        driver.lose(worker, "load")
        driver.tick(after_s=60.0)
    assert driver.dispatcher.workers.is_stuck
    assert [StartWorker(5, "cpu", 0)] == driver.apply(PlanChanged(make_plan(1)))


def test_a_completed_take_resets_the_back_off():
    """The next early exit waits for one second again."""
    driver = Driver()
    driver.tick()
    for worker in range(3):
        driver.lose(worker, "load")
        driver.tick(after_s=60.0)
    driver.start()
    driver.complete(one_take(driver))
    driver.lose(3)
    assert [4] == [order.worker for order in of(StartWorker, driver.tick(after_s=1.0))]


def test_workers_that_crash_at_their_first_takes_back_off_after_max_takes():
    """One poison segment explains three crashes in a row, but not a fourth."""
    driver = Driver()
    driver.start()
    driver.arrive(make_job(lines=(20,)))
    for worker in range(3):
        assert [worker + 1] == [order.worker for order in of(StartWorker, driver.lose(worker, "engine"))]
        driver.ready(worker + 1)
    assert [] == of(StartWorker, driver.lose(3, "engine"))
    assert [4] == [order.worker for order in of(StartWorker, driver.tick(after_s=1.0))]


def test_out_of_memory_takes_one_worker_from_its_gpu():
    """From two to one; the lost take does not count."""
    driver = Driver(make_plan(2, 2))
    driver.start()
    take = one_take(driver)
    assert [] == of(StartWorker, driver.lose(take.worker, "out of memory"))
    assert [1, 2] == [device.wanted for device in driver.dispatcher.workers.devices.values()]
    assert [1, 1] == [take.number for take in of(SendTake, driver.actions)]
    assert "GPU 0: out of memory: now runs 1 workers" in driver.log()


def test_out_of_memory_of_the_last_worker_of_a_gpu_counts_the_take():
    """The segment may be too long, so it fails after max_takes."""
    driver = Driver(make_plan(1, device="gpu:0"))
    driver.start()
    one_take(driver)
    for worker in range(3):
        driver.lose(worker, "out of memory", after_s=100.0)
        driver.start()
    assert [JobStatus.FAILED] == [outcome.status for outcome in driver.outcomes()]


def test_a_take_that_was_on_a_lost_node_does_not_count():
    """Machines fail, not the segment, and it need not be spoken alone."""
    driver = Driver(make_plan(1, max_takes=2))
    driver.start()
    take = one_take(driver)
    for _ in range(5):
        driver.lose(take.worker, "node lost")
        driver.tick(after_s=60.0)
        driver.start()
        take = of(SendTake, driver.actions)[-1]
        assert 1 == take.number
    driver.complete(take)
    assert [JobStatus.DONE] == [outcome.status for outcome in driver.outcomes()]


def test_a_take_that_was_lost_with_ten_nodes_counts_from_then_on():
    """Chance does not hit the same segment that often: it may be what ends them, and its job must end too."""
    driver = Driver(make_plan(1, max_takes=2))
    driver.start()
    one_take(driver)
    for worker in range(12):
        assert [] == driver.outcomes()
        driver.lose(worker, "node lost")
        driver.tick(after_s=60.0)
        driver.start()
    assert [JobStatus.FAILED] == [outcome.status for outcome in driver.outcomes()]
    assert [1] * 11 + [2] == [take.number for take in of(SendTake, driver.actions)]


def test_starts_on_a_lost_node_back_off_and_never_end():
    """Until a take is completed there, or the plan changes."""
    driver = Driver(make_plan(1))
    pauses: list[float] = []
    for worker in range(8):
        driver.start()
        driver.lose(worker, "node lost")
        deadline = driver.dispatcher.next_deadline(driver.now)
        assert deadline is not None
        pauses.append(deadline - driver.now)
        assert [worker + 1] == [order.worker for order in of(StartWorker, driver.tick(after_s=pauses[-1]))]
    assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == pauses
    driver.start()
    driver.complete(one_take(driver))
    driver.lose(8, "node lost")
    assert [9] == [order.worker for order in of(StartWorker, driver.tick(after_s=1.0))]


@pytest.mark.parametrize("kind", ["ended", "load", "engine", "out of memory", "wire", "node lost"])
def test_restarts_and_last_fault_of_a_device_survive_a_new_plan(kind: str):
    """Of every kind of exit."""
    driver = Driver(make_plan(2, 1))
    driver.start()
    driver.lose(0, kind)
    driver.apply(PlanChanged(make_plan(2, 1)))
    device = driver.dispatcher.workers.devices["gpu:0"]
    assert (1, "it crashed") == (device.restarts, device.last_fault)


def test_every_failed_take_is_recorded():
    """So that a restart grants no new takes: first with the number of takes, at last as final."""
    driver = Driver(make_plan(1, max_takes=2))
    driver.start()
    first = one_take(driver)
    (second,) = of(SendTake, driver.fail(first))
    driver.fail(second)
    once, twice = of(RecordFailure, driver.actions)
    assert ("job", 0, first.segment) == (once.job, once.speaker_index, once.segment)
    assert SegmentFailure(1, 0, "it failed", is_final=False) == once.failure
    assert SegmentFailure(2, 0, "it failed (2 takes)", is_final=True) == twice.failure


def test_a_failure_that_another_seed_cannot_help_is_recorded_as_such():
    """So that the summary advises no retry."""
    driver = Driver()
    driver.start()
    driver.fail(one_take(driver), retry=False)
    (recorded,) = of(RecordFailure, driver.actions)
    (outcome,) = driver.outcomes()
    assert (True, False) == (recorded.failure.is_final, recorded.failure.can_retry)
    assert not outcome.segments[0][0].can_retry


def test_a_take_that_was_lost_with_its_worker_is_recorded():
    """Unless the worker was being drained, as then the take does not count."""
    driver = Driver(make_plan(1))
    driver.start()
    one_take(driver)
    driver.lose(0)
    (recorded,) = of(RecordFailure, driver.actions)
    assert (1, 1, False) == (recorded.failure.takes, recorded.failure.deaths, recorded.failure.is_final)
    driver.start()
    driver.apply(PlanChanged(make_plan(1, generation=1, drain_s=60.0)))
    driver.start()
    driver.lose(1)
    assert 1 == len(of(RecordFailure, driver.actions))


def test_failures_from_before_a_restart_count():
    """A failed segment stays failed, and another one has only the takes that are left."""
    driver = Driver(make_plan(1, max_takes=3))
    driver.start()
    failures = {
        (0, 0): SegmentFailure(3, 0, "too long (3 takes)", True),
        (0, 1): SegmentFailure(2, 0, "x", False),
    }
    job = make_job(lines=(3,))
    driver.pass_checks(driver.apply(JobArrived(job.name, job, failures=failures)))
    takes = {take.segment_index: take for take in of(SendTake, driver.actions)}
    while takes:
        take = takes.popitem()[1]
        takes |= {
            t.segment_index: t
            for t in of(SendTake, driver.fail(take) if take.segment_index == 1 else driver.complete(take))
        }
    (outcome,) = driver.outcomes()
    assert ["too long (3 takes)", "it failed (3 takes)", ""] == [s.error for s in outcome.segments[0]]
    assert 3 not in {take.number for take in of(SendTake, driver.actions) if take.segment_index == 0}


def test_a_suspect_runs_alone_after_a_restart():
    """If it has one take left."""
    driver = Driver(make_plan(1, max_takes=3))
    driver.start(slots=4)
    job = make_job(lines=(4,))
    failures = {(0, 2): SegmentFailure(2, 2, "worker 0 exited while speaking it", False)}
    driver.pass_checks(driver.apply(JobArrived(job.name, job, failures=failures)))
    (first,) = of(SendTake, driver.actions)
    assert (2, 3) == (first.segment_index, first.number)
    assert [0, 1, 3] == [take.segment_index for take in of(SendTake, driver.complete(first))]


def test_a_job_whose_segments_all_failed_before_a_restart_is_finished():
    """Without any check."""
    driver = Driver()
    job = make_job()
    failures = {(0, 0): SegmentFailure(3, 0, "too long", True)}
    driver.apply(JobArrived(job.name, job, references=(("a", "/a.wav"),), failures=failures))
    (outcome,) = driver.outcomes()
    assert (JobStatus.FAILED, 3) == (outcome.status, outcome.segments[0][0].takes)


def test_a_take_that_does_not_count_is_always_repeated():
    """Also if a reload allows fewer takes than the segment has had."""
    driver = Driver(make_plan(1, max_takes=3, drain_s=60.0))
    driver.start()
    driver.fail(one_take(driver))
    driver.apply(PlanChanged(make_plan(1, max_takes=1, generation=1, drain_s=60.0)))
    driver.start()
    driver.lose(0)
    assert [1, 2, 2] == [take.number for take in of(SendTake, driver.actions)]
    assert [] == driver.outcomes()
