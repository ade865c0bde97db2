"""Takes that fail, workers that die or hang: what is tried again, what fails, what is left alone."""

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
from tests.core.stage import Script, make_job, make_plan, of

LATE_S = 1000.0


def one_take(script: Script, lines: int = 1) -> SendTake:
    (take,) = of(SendTake, script.arrive(make_job(lines=(lines,))))
    return take


def test_a_failed_take_is_tried_again_with_another_seed():
    """The second attempt is take 2 of the same segment."""
    script = Script()
    script.start()
    first = one_take(script)
    (second,) = of(SendTake, script.fail(first))
    assert (first.segment, 2) == (second.segment, second.number)
    assert first.seed != second.seed


def test_a_take_that_no_seed_can_help_fails_its_segment_at_once():
    """`retry` false means that trying again is vain; the others of the job go on."""
    script = Script()
    script.start()
    (second,) = of(SendTake, script.fail(one_take(script, lines=2), retry=False))
    script.speak(second)
    (ending,) = script.endings()
    assert JobStatus.PARTIAL == ending.status
    assert ["it stammered", ""] == [segment.error for segment in ending.segments[0]]


def test_a_segment_has_at_most_max_takes_takes():
    """After the third failure the segment fails, and its error says how often it was tried."""
    script = Script()
    script.start()
    one_take(script)
    for at in range(3):
        script.fail(of(SendTake, script.heard)[at])
    assert 3 == len(of(SendTake, script.heard))
    (ending,) = script.endings()
    assert (3, "it stammered (3 takes)") == (ending.segments[0][0].takes, ending.segments[0][0].error)


def test_a_take_that_was_granted_stays_granted():
    """A segment that waits for its second take gets it, although a reload allows but one from now on."""
    script = Script(make_plan(1, max_takes=3))
    script.start()
    first = one_take(script)
    script.lose(0)
    script.tell(PlanChanged(make_plan(1, max_takes=1)))
    script.start()
    second = of(SendTake, script.heard)[-1]
    assert (1, 2) == (first.number, second.number)
    script.fail(second)
    assert ["it stammered (2 takes)"] == [s.error for e in script.endings() for s in e.segments[0]]


def test_a_take_that_was_lost_with_its_worker_goes_to_another():
    """The other worker gets it as take 2, as soon as it has a free slot."""
    script = Script(make_plan(2))
    script.start()
    first = one_take(script)
    (second,) = of(SendTake, script.lose(first.worker))
    assert (1 - first.worker, 2) == (second.worker, second.number)


def test_a_lost_worker_is_replaced_at_once_if_it_had_been_of_use():
    """No backing off for a worker that spoke."""
    script = Script()
    script.start()
    script.speak(one_take(script, lines=2))
    assert [1] == [order.worker for order in of(StartWorker, script.lose(0))]


def test_a_poison_segment_fails_alone():
    """Four segments share a worker that dies of one; the suspects' last takes run one by one."""
    script = Script(make_plan(1))
    script.start(slots=4)
    script.arrive(make_job(lines=(4,)))
    for _ in range(100):
        if script.dispatcher.is_idle:
            break
        play_poison(script)
    (ending,) = script.endings()
    errors = [segment.error for segment in ending.segments[0]]
    assert ["", "", ""] == errors[:2] + errors[3:]
    assert "worker 2 exited while speaking it (it fell over) (3 takes)" == errors[2]


def play_poison(script: Script) -> None:
    """Segment 2 kills its worker; the others are spoken, but only where it is not."""
    for worker in tuple(script.dispatcher.workers.by_id.values()):
        held = {take: record.order.segment_index for take, record in worker.takes.items()}
        if 2 in held.values():
            script.lose(worker.id)
            script.start(slots=4)
        else:
            for take in of(SendTake, script.heard):
                if take.take in held:
                    script.speak(take)
    script.tick(after_s=100.0)
    script.start(slots=4)


def test_a_segment_that_must_be_alone_is_not_starved():
    """A worker with other takes stops taking more, until it is free for the suspect."""
    script = Script(make_plan(1))
    script.start(slots=2)
    script.arrive(make_job("suspect", (1,)))
    for round_ in range(2):
        script.lose(next(iter(script.dispatcher.workers.by_id)))
        script.tell(JobArrived(f"other {round_}", make_job(f"other {round_}", (50,))))
        script.tick()
        (worker,) = script.dispatcher.workers.by_id
        script.answer(script.ready(worker, slots=2))
    for _ in range(10):
        takes = {take.take: take for take in of(SendTake, script.heard)}
        (worker,) = script.dispatcher.workers.by_id.values()
        for take in tuple(worker.takes):
            script.speak(takes[take])
    assert "suspect" in {ending.name for ending in script.endings()}


def suspect_in_waiting(script: Script) -> None:
    """A job whose one segment was in hand when two workers died."""
    script.start(slots=2)
    script.arrive(make_job("suspect", (1,)))
    script.lose(0)
    script.ready(1, slots=2)
    script.lose(1)


def test_a_suspect_is_not_sent_to_a_worker_that_looks_at_a_clip():
    """If it dies, nobody would know of which; when it has answered, the suspect has its turn."""
    script = Script()
    suspect_in_waiting(script)
    script.tell(JobArrived("another", None, references=(("a.wav", "/w/a.wav"),)))
    assert [InspectReference] == [type(action) for action in script.ready(2, slots=2)]
    assert [3] == [take.number for take in of(SendTake, script.tell(CheckCompleted(2, "1.0")))]


def test_a_worker_with_a_suspect_is_asked_nothing():
    """The question waits for another worker, or for the end of the take."""
    script = Script()
    suspect_in_waiting(script)
    (take,) = of(SendTake, script.ready(2, slots=2))
    assert [] == script.tell(JobArrived("another", None, references=(("a.wav", "/w/a.wav"),)))
    assert [InspectReference(2, "1.0", "/w/a.wav")] == of(InspectReference, script.speak(take))


def test_a_clip_that_kills_workers_is_a_fault_of_the_bundle():
    """Looking at it is tried elsewhere, then the reference is named."""
    script = Script()
    script.start()
    script.tell(JobArrived("job", None, references=(("bob.flac", "/w/bob.flac"),)))
    for worker in range(3):
        assert [worker] == [asked.worker for asked in of(InspectReference, script.heard)][-1:]
        script.lose(worker)
        script.start()
    (ending,) = script.endings()
    assert JobStatus.REJECTED == ending.status
    what = "checking it ended 3 workers; the last one: it fell over"
    assert [("bob.flac", what)] == [(fault.where, fault.what) for fault in ending.faults]


def test_the_question_of_a_cancelled_job_is_not_asked_again():
    """The worker that looked dies after the cancelling: nobody looks any more."""
    script = Script()
    script.start()
    script.tell(JobArrived("job", make_job(), references=(("a.wav", "/w/a.wav"),)))
    script.tell(CancelRequested("job"))
    script.lose(0)
    script.start()
    assert 1 == len(of(InspectReference, script.heard))
    assert 1 == len(script.endings())


def test_a_worker_is_not_hung_because_it_was_idle_for_long():
    """Its silence counts from the moment when it got something to do, be it a question or a take."""
    script = Script()
    script.start()
    script.tick(after_s=LATE_S)
    asked, _ = script.tell(JobArrived("job", make_job(), references=(("a.wav", "/w/a.wav"),)))
    assert isinstance(asked, InspectReference)
    assert [] == script.tick(after_s=1.0)
    script.tell(CheckCompleted(0, asked.check))
    (take,) = of(SendTake, script.tell(CheckCompleted(0, "0.options")))
    script.speak(take)
    script.tick(after_s=LATE_S)
    script.arrive(make_job("another"))
    assert [] == of(KillWorker, script.heard)


def test_a_worker_that_hangs_with_a_take_is_killed():
    """No progress for take_timeout_s; its take goes on elsewhere once it is gone."""
    script = Script(make_plan(1, take_timeout_s=60.0))
    script.start()
    one_take(script)
    assert [] == script.tick(after_s=59.0)
    assert [KillWorker(0, "hung: no progress for 60 s")] == script.tick(after_s=1.0)
    assert [] == script.tick(after_s=1.0)
    script.lose(0)
    script.start()
    assert [1, 2] == [take.number for take in of(SendTake, script.heard)]


def test_a_worker_that_hangs_with_a_question_is_killed():
    """A decoder may hang as well."""
    script = Script(make_plan(1, take_timeout_s=60.0))
    script.start()
    script.tell(JobArrived("job", None, references=(("a.wav", "/w/a.wav"),)))
    assert [KillWorker(0, "hung: no progress for 60 s")] == script.tick(after_s=60.0)


def test_steps_without_an_end_are_no_progress():
    """A worker that says that it steps, but whose take never ends, is killed in the end."""
    script = Script(make_plan(1, take_timeout_s=60.0))
    script.start()
    one_take(script)
    for _ in range(MAX_TAKE_TIMEOUTS * 2 - 1):
        assert [] == script.tell(WorkerProgressed(0), after_s=30.0)
    (kill,) = script.tell(WorkerProgressed(0), after_s=30.0)
    assert KillWorker(0, "hung: a take had not ended after 4 × 60 s") == kill


def test_a_clip_from_a_worker_that_is_being_killed_counts():
    """It was on its way when the time was up: the segment is done."""
    script = Script(make_plan(1, take_timeout_s=60.0))
    script.start()
    take = one_take(script)
    script.tick(after_s=60.0)
    assert [JobStatus.DONE] == [finish.outcome.status for finish in of(FinishJob, script.speak(take))]


def test_a_worker_that_is_never_ready_is_killed():
    """Loading has a limit."""
    script = Script(make_plan(1, start_timeout_s=30.0))
    script.tick()
    assert [KillWorker(0, "was not ready within 30 s")] == script.tick(after_s=30.0)


def test_deaths_before_ready_back_off_and_open_a_breaker():
    """1, 2, 4, 8 s, then no more: the fifth in a row is said as an error that names the mend."""
    script = Script()
    script.tick()
    for worker, pause_s in enumerate((1, 2, 4, 8)):
        assert [] == of(StartWorker, script.lose(worker, "load"))
        assert [] == of(StartWorker, script.tick(after_s=pause_s - 0.01))
        assert [worker + 1] == [order.worker for order in of(StartWorker, script.tick(after_s=0.01))]
    script.lose(4, "load")
    assert [] == script.tick(after_s=LATE_S)
    assert script.dispatcher.workers.is_stuck
    assert "worker 4 exited before completing a take, 5 in a row: no more are started here" in script.said()


def test_workers_that_die_together_count_as_one_death():
    """Four that cannot load are one reason to wait, and then one is tried before the others."""
    script = Script(make_plan(4))
    script.tick()
    script.now += 5
    for worker in range(4):
        script.lose(worker, "load", after_s=0.01)
    assert 1 == script.dispatcher.workers.devices["cpu"].early_exits
    assert [4] == [order.worker for order in of(StartWorker, script.tick(after_s=1.0))]
    assert [5] == [order.worker for order in of(StartWorker, script.ready(4))]


def test_a_new_plan_closes_the_breaker():
    """A reload tries again at once."""
    script = Script()
    script.tick()
    for worker in range(5):
        script.lose(worker, "load")
        script.tick(after_s=60.0)
    assert script.dispatcher.workers.is_stuck
    assert [StartWorker(5, "cpu", 0)] == script.tell(PlanChanged(make_plan(1)))


def test_speaking_ends_a_row_of_deaths():
    """After a take that was spoken, the next death backs off for a second again."""
    script = Script()
    script.tick()
    for worker in range(3):
        script.lose(worker, "load")
        script.tick(after_s=60.0)
    script.start()
    script.speak(one_take(script))
    script.lose(3)
    assert [4] == [order.worker for order in of(StartWorker, script.tick(after_s=1.0))]


def test_workers_that_crash_at_their_first_takes_back_off_after_max_takes():
    """One poison segment explains three crashes in a row, not a fourth: no hot loop of crashes."""
    script = Script()
    script.start()
    script.arrive(make_job(lines=(20,)))
    for worker in range(3):
        assert [worker + 1] == [order.worker for order in of(StartWorker, script.lose(worker, "engine"))]
        script.ready(worker + 1)
    assert [] == of(StartWorker, script.lose(3, "engine"))
    assert [4] == [order.worker for order in of(StartWorker, script.tick(after_s=1.0))]


def test_out_of_memory_means_one_worker_fewer_on_that_card():
    """The post goes from two to one; the take that was lost does not count against its segment."""
    script = Script(make_plan(2, 2))
    script.start()
    take = one_take(script)
    assert [] == of(StartWorker, script.lose(take.worker, "out of memory"))
    assert [1, 2] == [post.wanted for post in script.dispatcher.workers.devices.values()]
    assert [1, 1] == [take.number for take in of(SendTake, script.heard)]
    assert "GPU 0: out of memory: now runs 1 workers" in script.said()


def test_the_last_worker_of_a_card_out_of_memory_counts_the_take():
    """The segment itself may be too long: after max_takes it fails, and others go on."""
    script = Script(make_plan(1, device="gpu:0"))
    script.start()
    one_take(script)
    for worker in range(3):
        script.lose(worker, "out of memory", after_s=100.0)
        script.start()
    assert [JobStatus.FAILED] == [ending.status for ending in script.endings()]


@pytest.mark.parametrize("kind", ["ended", "load", "engine", "out of memory", "wire"])
def test_the_last_fault_of_a_post_is_kept_for_the_status(kind: str):
    """Restarts are counted, and the reason of the last one is known, also after a new plan."""
    script = Script(make_plan(2, 1))
    script.start()
    script.lose(0, kind)
    script.tell(PlanChanged(make_plan(2, 1)))
    post = script.dispatcher.workers.devices["gpu:0"]
    assert (1, "it fell over") == (post.restarts, post.last_fault)


def test_every_failed_take_is_recorded():
    """So that a restart grants no new takes: the count so far, then that the segment has failed."""
    script = Script(make_plan(1, max_takes=2))
    script.start()
    first = one_take(script)
    (second,) = of(SendTake, script.fail(first))
    script.fail(second)
    (once, twice) = of(RecordFailure, script.heard)
    assert ("job", 0, first.segment) == (once.job, once.speaker_index, once.segment)
    assert SegmentFailure(1, 0, "it stammered", is_final=False) == once.failure
    assert SegmentFailure(2, 0, "it stammered (2 takes)", is_final=True) == twice.failure


def test_a_failure_that_no_seed_can_help_is_recorded_as_such():
    """The report then advises no retry."""
    script = Script()
    script.start()
    script.fail(one_take(script), retry=False)
    (recorded,) = of(RecordFailure, script.heard)
    (ending,) = script.endings()
    assert (True, False) == (recorded.failure.is_final, recorded.failure.can_retry)
    assert not ending.segments[0][0].can_retry


def test_a_take_that_was_lost_with_its_worker_is_recorded_with_the_death():
    """A drained worker's takes are not: they cost their segments nothing."""
    script = Script(make_plan(1))
    script.start()
    one_take(script)
    script.lose(0)
    (recorded,) = of(RecordFailure, script.heard)
    assert (1, 1, False) == (recorded.failure.takes, recorded.failure.deaths, recorded.failure.is_final)
    script.start()
    script.tell(PlanChanged(make_plan(1, generation=1, drain_s=60.0)))
    script.start()
    script.lose(1)
    assert 1 == len(of(RecordFailure, script.heard))


def test_what_failed_before_a_restart_has_failed():
    """A final failure is not spoken again; the takes that were spent before count."""
    script = Script(make_plan(1, max_takes=3))
    script.start()
    failures = {
        (0, 0): SegmentFailure(3, 0, "too long (3 takes)", True),
        (0, 1): SegmentFailure(2, 0, "x", False),
    }
    job = make_job(lines=(3,))
    script.answer(script.tell(JobArrived(job.name, job, failures=failures)))
    takes = {take.segment_index: take for take in of(SendTake, script.heard)}
    while takes:
        take = takes.popitem()[1]
        takes |= {
            t.segment_index: t
            for t in of(SendTake, script.fail(take) if take.segment_index == 1 else script.speak(take))
        }
    (ending,) = script.endings()
    assert ["too long (3 takes)", "it stammered (3 takes)", ""] == [s.error for s in ending.segments[0]]
    assert 3 not in {take.number for take in of(SendTake, script.heard) if take.segment_index == 0}


def test_a_suspect_runs_alone_after_a_restart():
    """A segment with one take left that has ended workers gets it with nothing beside it."""
    script = Script(make_plan(1, max_takes=3))
    script.start(slots=4)
    job = make_job(lines=(4,))
    failures = {(0, 2): SegmentFailure(2, 2, "worker 0 exited while speaking it", False)}
    script.answer(script.tell(JobArrived(job.name, job, failures=failures)))
    (first,) = of(SendTake, script.heard)
    assert (2, 3) == (first.segment_index, first.number)
    assert [0, 1, 3] == [take.segment_index for take in of(SendTake, script.speak(first))]


def test_a_job_whose_segments_all_failed_before_a_restart_is_over():
    """It needs no worker, and no check of its clips."""
    script = Script()
    job = make_job()
    failures = {(0, 0): SegmentFailure(3, 0, "too long", True)}
    script.tell(JobArrived(job.name, job, references=(("a", "/a.wav"),), failures=failures))
    (ending,) = script.endings()
    assert (JobStatus.FAILED, 3) == (ending.status, ending.segments[0][0].takes)


def test_a_take_that_was_lost_by_no_fault_of_its_segment_is_always_repeated():
    """Also when a reload meanwhile allows fewer takes than it has had."""
    script = Script(make_plan(1, max_takes=3, drain_s=60.0))
    script.start()
    script.fail(one_take(script))
    script.tell(PlanChanged(make_plan(1, max_takes=1, generation=1, drain_s=60.0)))
    script.start()
    script.lose(0)
    assert [1, 2, 2] == [take.number for take in of(SendTake, script.heard)]
    assert [] == script.endings()
