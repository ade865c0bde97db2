"""The walk of a job: events in, actions out."""

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
from tests.core.stage import Script, make_clip, make_job, make_plan, of


def test_a_plan_starts_its_workers_at_the_first_event():
    """Nothing is started before something happens; then all that is wanted."""
    actions = Script(make_plan(2)).tick()
    assert [StartWorker(0, "cpu", 0), StartWorker(1, "cpu", 0)] == actions


def test_a_job_walks_from_its_arrival_to_its_ending():
    """Options are asked, a take is sent, spoken, and the job is finished with its clip."""
    script = Script()
    script.start()
    job = make_job()
    (asked,) = script.tell(JobArrived("job", job))
    assert ValidateOptions(0, "0.options", {}, ("en",)) == asked
    launched, take = script.tell(CheckCompleted(0, "0.options"))
    assert (
        LogMessage("info", "[Main] Launching Worker 0 on CPU for Speaker 0", job="job", worker=0) == launched
    )
    assert isinstance(take, SendTake)
    assert (0, 1, take_seed("job-voice-0", "en", "Good evening.", 1)) == (take.worker, take.number, take.seed)
    (finish,) = script.speak(take)
    assert isinstance(finish, FinishJob)
    assert JobStatus.DONE == finish.outcome.status
    clip = finish.outcome.segments[0][0].clip
    assert clip is not None
    assert ("0/0.wav", 1, take.seed, 0) == (clip.path, clip.takes, clip.seed, clip.worker)
    assert script.dispatcher.is_idle


def test_no_take_is_sent_before_every_question_is_answered():
    """Reference clips and options are looked at first, by all workers."""
    script = Script(make_plan(2))
    script.start()
    references = (("a.wav", "/w/a.wav"), ("b.wav", "/w/b.wav"))
    asked = script.tell(JobArrived("job", make_job(lines=(2,)), references=references))
    options = ValidateOptions(0, "0.options", {}, ("en",))
    assert [InspectReference(0, "0.0", "/w/a.wav"), InspectReference(1, "0.1", "/w/b.wav"), options] == asked
    assert [] == script.tell(CheckCompleted(1, "0.1"))
    assert [] == script.tell(CheckCompleted(0, "0.options"))
    assert [0, 1] == [take.worker for take in of(SendTake, script.tell(CheckCompleted(0, "0.0")))]


def test_faults_of_reading_and_of_inspecting_are_reported_together():
    """A bundle with faults still has its clips looked at; then it is rejected with all of them."""
    script = Script()
    script.start()
    faults = (Fault("speakers[0].segments[0].text", "is empty"),)
    (asked,) = script.tell(JobArrived("job", None, faults=faults, references=(("a.wav", "/w/a.wav"),)))
    assert InspectReference(0, "0.0", "/w/a.wav") == asked
    (finish,) = script.tell(CheckCompleted(0, "0.0", faults=("is silent",)))
    assert isinstance(finish, FinishJob)
    assert JobStatus.REJECTED == finish.outcome.status
    assert (*faults, Fault("a.wav", "is silent")) == finish.outcome.faults


def test_a_job_found_faulty_by_a_worker_is_never_spoken():
    """Its segments are given up, and the ending is a rejection."""
    script = Script()
    script.start()
    script.tell(JobArrived("job", make_job(lines=(3,))))
    (finish,) = script.tell(CheckCompleted(0, "0.options", faults=("temperature: is 9",)))
    assert isinstance(finish, FinishJob)
    assert JobStatus.REJECTED == finish.outcome.status
    assert (Fault("job.toml", "temperature: is 9"),) == finish.outcome.faults


def test_a_bundle_without_anything_to_ask_is_rejected_at_once():
    """No worker is needed to say that a manifest cannot be parsed."""
    script = Script()
    actions = script.tell(JobArrived("job", None, faults=(Fault("job.toml", "is not TOML"),)))
    assert [JobStatus.REJECTED] == [finish.outcome.status for finish in of(FinishJob, actions)]


def test_warnings_of_workers_reach_the_ending():
    """An odd clip is used all the same, and the oddity is told."""
    script = Script()
    script.start()
    script.tell(JobArrived("job", make_job(), references=(("a.wav", "/w/a.wav"),)))
    script.tell(CheckCompleted(0, "0.0", warnings=("is 8-bit audio",)))
    (take,) = of(SendTake, script.tell(CheckCompleted(0, "0.options")))
    script.speak(take)
    assert (Fault("a.wav", "is 8-bit audio"),) == script.endings()[0].warnings


def test_recovered_clips_are_not_spoken_again():
    """Only the segment without a clip gets a take; the ending holds both."""
    script = Script()
    script.start()
    (take,) = of(SendTake, script.arrive(make_job(lines=(2,)), clips={(0, 0): make_clip()}))
    assert 1 == take.segment_index
    script.speak(take)
    (ending,) = script.endings()
    assert make_clip() == ending.segments[0][0].clip
    assert JobStatus.DONE == ending.status


def test_a_job_that_is_wholly_recovered_ends_at_once():
    """Nothing is asked and nothing spoken."""
    script = Script()
    actions = script.tell(JobArrived("job", make_job(lines=(1,)), clips={(0, 0): make_clip()}))
    assert [JobStatus.DONE] == [finish.outcome.status for finish in of(FinishJob, actions)]


def test_a_cancelled_job_ends_when_its_takes_in_hand_have_ended():
    """What waits is given up, what is in hand is forgotten, and the ending comes last."""
    script = Script()
    script.start()
    (take,) = of(SendTake, script.arrive(make_job(lines=(3,))))
    assert [DropTake(0, take.take)] == script.tell(CancelRequested("job"))
    (finish,) = of(FinishJob, script.fail(take, retry=False))
    assert JobStatus.CANCELLED == finish.outcome.status
    assert ["cancelled"] * 3 == [segment.error for segment in finish.outcome.segments[0]]


def test_a_clip_that_comes_after_the_cancelling_is_kept():
    """A take that was spoken in the same moment counts as done."""
    script = Script()
    script.start()
    (take,) = of(SendTake, script.arrive(make_job(lines=(2,))))
    script.tell(CancelRequested("job"))
    (finish,) = of(FinishJob, script.speak(take))
    assert JobStatus.CANCELLED == finish.outcome.status
    assert finish.outcome.segments[0][0].clip is not None


def test_a_job_cancelled_while_it_is_asked_about_ends_at_once():
    """The answer that still comes means nothing any more."""
    script = Script()
    script.start()
    script.tell(JobArrived("job", make_job()))
    (finish,) = script.tell(CancelRequested("job"))
    assert isinstance(finish, FinishJob)
    assert JobStatus.CANCELLED == finish.outcome.status
    assert [] == script.tell(CheckCompleted(0, "0.options", faults=("temperature: is 9",)))


def test_the_answer_of_a_cancelled_job_says_nothing_of_its_namesake():
    """A job dropped again under the same name waits for its own answers."""
    script = Script(make_plan(2))
    script.start()
    script.tell(JobArrived("job", make_job()))
    script.tell(CancelRequested("job"))
    assert [1] == [asked.worker for asked in of(ValidateOptions, script.tell(JobArrived("job", make_job())))]
    assert [] == script.tell(CheckCompleted(0, "0.options", faults=("temperature: is 9",)))
    assert [1] == [take.worker for take in of(SendTake, script.tell(CheckCompleted(1, "1.options")))] or (
        [0] == [take.worker for take in of(SendTake, script.heard)]
    )


def test_cancelling_what_is_not_here_is_said():
    """The log names the job."""
    assert "[Main] no job 'nil' to cancel" in script_said(CancelRequested("nil"))


def script_said(event: CancelRequested) -> str:
    script = Script()
    script.tell(event)
    return script.said()


def test_a_slot_is_free_as_soon_as_its_take_is_recorded():
    """The engine does not wait for the disk: the next take comes while the clip is being written."""
    script = Script()
    script.start()
    script.tell(JobArrived("job", make_job(lines=(3,))))
    (first,) = of(SendTake, script.tell(CheckCompleted(0, "0.options")))
    (second,) = of(SendTake, script.tell(TakeSynthesized(0, first.take)))
    assert [] == script.speak(first)
    assert first.take != second.take
    assert [] == script.tell(TakeSynthesized(0, first.take))


def test_a_slow_disk_holds_the_engine_back():
    """Only so many clips wait for the disk; then the worker gets no more until one is there."""
    script = Script()
    script.start()
    script.tell(JobArrived("job", make_job(lines=(MAX_UNWRITTEN + 2,))))
    (take,) = first = of(SendTake, script.tell(CheckCompleted(0, "0.options")))
    for _ in range(MAX_UNWRITTEN - 1):
        (take,) = of(SendTake, script.tell(TakeSynthesized(0, take.take)))
    assert [] == script.tell(TakeSynthesized(0, take.take))
    assert 1 == len(of(SendTake, script.speak(first[0])))


def test_a_recorded_take_is_spoken_again_if_its_worker_dies_before_the_clip_is_there():
    """Recorded is not kept: only the journal makes a clip last."""
    script = Script()
    script.start()
    script.tell(JobArrived("job", make_job(lines=(1,))))
    (take,) = of(SendTake, script.tell(CheckCompleted(0, "0.options")))
    script.tell(TakeSynthesized(0, take.take))
    script.lose(0)
    assert 1 == script.dispatcher.jobs["job"].num_waiting
