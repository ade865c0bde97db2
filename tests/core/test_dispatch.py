"""A job from its arrival to its outcome: events in, actions out."""

from fishd.core.dispatch.actions import (
    DropTake,
    FinishJob,
    InspectReference,
    LogMessage,
    SendTake,
    StartWorker,
    ValidateOptions,
)
from fishd.core.dispatch.events import CancelRequested, CheckCompleted, JobArrived, TakeSynthesized
from fishd.core.dispatch.takes import take_seed
from fishd.core.dispatch.worker_state import MAX_UNWRITTEN
from fishd.core.model.job import Fault, JobStatus
from tests.core.dispatcher_driver import Driver, make_clip, make_job, make_plan, of


def test_a_plan_starts_its_workers_at_the_first_event():
    """All that are wanted, and none before."""
    actions = Driver(make_plan(2)).tick()
    assert [StartWorker(0, "cpu", 0), StartWorker(1, "cpu", 0)] == actions


def test_a_job_from_its_arrival_to_its_outcome():
    """Its options are checked, a take is sent and completed, and the job is finished with its clip."""
    driver = Driver()
    driver.start()
    job = make_job()
    (check,) = driver.apply(JobArrived("job", job))
    assert ValidateOptions(0, "0.options", {}, ("en",)) == check
    launched, take = driver.apply(CheckCompleted(0, "0.options"))
    assert (
        LogMessage("info", "[Main] Launching Worker 0 on CPU for Speaker 0", job="job", worker=0) == launched
    )
    assert isinstance(take, SendTake)
    assert (0, 1, take_seed("job-voice-0", "en", "Good evening.", 1)) == (take.worker, take.number, take.seed)
    (finish,) = driver.complete(take)
    assert isinstance(finish, FinishJob)
    assert JobStatus.DONE == finish.outcome.status
    clip = finish.outcome.segments[0][0].clip
    assert clip is not None
    assert ("0/0.wav", 1, take.seed, 0) == (clip.path, clip.takes, clip.seed, clip.worker)
    assert driver.dispatcher.is_idle


def test_no_take_is_sent_before_every_check_is_complete():
    """All workers share the checks of reference clips and options."""
    driver = Driver(make_plan(2))
    driver.start()
    references = (("a.wav", "/w/a.wav"), ("b.wav", "/w/b.wav"))
    checks = driver.apply(JobArrived("job", make_job(lines=(2,)), references=references))
    options = ValidateOptions(0, "0.options", {}, ("en",))
    assert [InspectReference(0, "0.0", "/w/a.wav"), InspectReference(1, "0.1", "/w/b.wav"), options] == checks
    assert [] == driver.apply(CheckCompleted(1, "0.1"))
    assert [] == driver.apply(CheckCompleted(0, "0.options"))
    assert [0, 1] == [take.worker for take in of(SendTake, driver.apply(CheckCompleted(0, "0.0")))]


def test_faults_of_the_bundle_and_of_its_clips_are_reported_together():
    """The clips of a bundle with faults are still checked, before it is rejected."""
    driver = Driver()
    driver.start()
    faults = (Fault("speakers[0].segments[0].text", "is empty"),)
    (check,) = driver.apply(JobArrived("job", None, faults=faults, references=(("a.wav", "/w/a.wav"),)))
    assert InspectReference(0, "0.0", "/w/a.wav") == check
    (finish,) = driver.apply(CheckCompleted(0, "0.0", faults=("is silent",)))
    assert isinstance(finish, FinishJob)
    assert JobStatus.REJECTED == finish.outcome.status
    assert (*faults, Fault("a.wav", "is silent")) == finish.outcome.faults


def test_a_job_that_fails_a_check_is_rejected():
    """None of its segments is spoken."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("job", make_job(lines=(3,))))
    (finish,) = driver.apply(CheckCompleted(0, "0.options", faults=("temperature: is 9",)))
    assert isinstance(finish, FinishJob)
    assert JobStatus.REJECTED == finish.outcome.status
    assert (Fault("job.toml", "temperature: is 9"),) == finish.outcome.faults


def test_a_bundle_with_faults_and_nothing_to_check_is_rejected_at_once():
    """Also before any worker is ready."""
    driver = Driver()
    actions = driver.apply(JobArrived("job", None, faults=(Fault("job.toml", "is not TOML"),)))
    assert [JobStatus.REJECTED] == [finish.outcome.status for finish in of(FinishJob, actions)]


def test_warnings_of_checks_reach_the_outcome():
    """A clip with a warning is used."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("job", make_job(), references=(("a.wav", "/w/a.wav"),)))
    driver.apply(CheckCompleted(0, "0.0", warnings=("is 8-bit audio",)))
    (take,) = of(SendTake, driver.apply(CheckCompleted(0, "0.options")))
    driver.complete(take)
    assert (Fault("a.wav", "is 8-bit audio"),) == driver.outcomes()[0].warnings


def test_recovered_clips_are_not_spoken_again():
    """Only the segment without a clip gets a take; the outcome has both."""
    driver = Driver()
    driver.start()
    (take,) = of(SendTake, driver.arrive(make_job(lines=(2,)), clips={(0, 0): make_clip()}))
    assert 1 == take.segment_index
    driver.complete(take)
    (outcome,) = driver.outcomes()
    assert make_clip() == outcome.segments[0][0].clip
    assert JobStatus.DONE == outcome.status


def test_a_job_whose_every_clip_is_recovered_finishes_at_once():
    """Nothing is checked and nothing is spoken."""
    driver = Driver()
    actions = driver.apply(JobArrived("job", make_job(lines=(1,)), clips={(0, 0): (make_clip(),)}))
    assert [JobStatus.DONE] == [finish.outcome.status for finish in of(FinishJob, actions)]


def test_a_cancelled_job_finishes_when_its_takes_in_flight_have_ended():
    """Its waiting segments fail at once, and workers are told to drop the others."""
    driver = Driver()
    driver.start()
    (take,) = of(SendTake, driver.arrive(make_job(lines=(3,))))
    assert [DropTake(0, take.take)] == driver.apply(CancelRequested("job"))
    (finish,) = of(FinishJob, driver.fail(take, retry=False))
    assert JobStatus.CANCELLED == finish.outcome.status
    assert ["cancelled"] * 3 == [segment.error for segment in finish.outcome.segments[0]]


def test_a_clip_that_arrives_after_the_cancellation_is_kept():
    """A take that was completed at the same moment counts as done."""
    driver = Driver()
    driver.start()
    (take,) = of(SendTake, driver.arrive(make_job(lines=(2,))))
    driver.apply(CancelRequested("job"))
    (finish,) = of(FinishJob, driver.complete(take))
    assert JobStatus.CANCELLED == finish.outcome.status
    assert finish.outcome.segments[0][0].clip is not None


def test_a_job_that_is_cancelled_during_its_checks_finishes_at_once():
    """Results that arrive later are ignored."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("job", make_job()))
    (finish,) = driver.apply(CancelRequested("job"))
    assert isinstance(finish, FinishJob)
    assert JobStatus.CANCELLED == finish.outcome.status
    assert [] == driver.apply(CheckCompleted(0, "0.options", faults=("temperature: is 9",)))


def test_a_late_check_of_a_cancelled_job_does_not_count_for_a_new_job_of_that_name():
    """A job that is dropped again under the same name waits for its own checks."""
    driver = Driver(make_plan(2))
    driver.start()
    driver.apply(JobArrived("job", make_job()))
    driver.apply(CancelRequested("job"))
    assert [1] == [check.worker for check in of(ValidateOptions, driver.apply(JobArrived("job", make_job())))]
    assert [] == driver.apply(CheckCompleted(0, "0.options", faults=("temperature: is 9",)))
    assert [1] == [take.worker for take in of(SendTake, driver.apply(CheckCompleted(1, "1.options")))] or (
        [0] == [take.worker for take in of(SendTake, driver.actions)]
    )


def test_the_cancellation_of_an_unknown_job_is_logged():
    """With the job's name."""
    driver = Driver()
    driver.apply(CancelRequested("nil"))
    assert "[Main] no job 'nil' to cancel" == driver.log()


def test_a_slot_is_free_as_soon_as_its_take_is_synthesized():
    """The next take is sent while the clip is being written."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("job", make_job(lines=(3,))))
    (first,) = of(SendTake, driver.apply(CheckCompleted(0, "0.options")))
    (second,) = of(SendTake, driver.apply(TakeSynthesized(0, first.take)))
    assert [] == driver.complete(first)
    assert first.take != second.take
    assert [] == driver.apply(TakeSynthesized(0, first.take))


def test_a_slow_disk_slows_the_worker_down():
    """With too many unwritten clips, it gets no take until one is written."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("job", make_job(lines=(MAX_UNWRITTEN + 2,))))
    (take,) = first = of(SendTake, driver.apply(CheckCompleted(0, "0.options")))
    for _ in range(MAX_UNWRITTEN - 1):
        (take,) = of(SendTake, driver.apply(TakeSynthesized(0, take.take)))
    assert [] == driver.apply(TakeSynthesized(0, take.take))
    assert 1 == len(of(SendTake, driver.complete(first[0])))


def test_a_synthesized_take_is_repeated_if_its_worker_exits_before_the_clip_is_written():
    """Only a journaled clip counts."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("job", make_job(lines=(1,))))
    (take,) = of(SendTake, driver.apply(CheckCompleted(0, "0.options")))
    driver.apply(TakeSynthesized(0, take.take))
    driver.lose(0)
    assert 1 == driver.dispatcher.jobs["job"].num_waiting
