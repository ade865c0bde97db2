"""Questions before takes: how many at a time, which are not asked again, and who is blamed."""

from fishd.core.dispatch.actions import FinishJob, InspectReference, SendTake, ValidateOptions
from fishd.core.dispatch.events import CheckCompleted, JobArrived, PlanChanged
from fishd.core.dispatch.validation import MAX_CHECKS_PER_WORKER
from fishd.core.model.job import Fault
from tests.core.stage import Script, make_job, make_plan, of


def clips(count: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"{n}.wav", f"/w/{n}.wav") for n in range(count))


def test_a_worker_has_a_few_questions_at_a_time():
    """The answer to one comes while it looks at the next; no worker hoards them."""
    script = Script(make_plan(2))
    script.start()
    asked = of(InspectReference, script.tell(JobArrived("job", make_job(), references=clips(20))))
    assert [MAX_CHECKS_PER_WORKER, MAX_CHECKS_PER_WORKER] == [
        sum(ask.worker == worker for ask in asked) for worker in (0, 1)
    ]
    assert 1 == len(of(InspectReference, script.tell(CheckCompleted(0, asked[0].check))))


def test_options_that_were_found_good_are_not_asked_about_again():
    """Until another engine may find otherwise."""
    script = Script()
    script.start()
    script.tell(JobArrived("a", make_job("a")))
    script.tell(CheckCompleted(0, "0.options"))
    assert [] == of(ValidateOptions, script.tell(JobArrived("b", make_job("b"))))
    script.tell(PlanChanged(make_plan(1, generation=0)))
    assert 1 == len(of(ValidateOptions, script.tell(JobArrived("c", make_job("c")))))


def test_a_clip_that_was_found_good_is_not_looked_at_again():
    """Its warnings are told to every job, at its own place; other limits may find otherwise."""
    script = Script()
    script.start()
    script.tell(JobArrived("a", make_job("a"), references=(("a.wav", "/w/1"),)))
    script.tell(CheckCompleted(0, "0.0", (), ("is long",)))
    script.tell(CheckCompleted(0, "0.options"))
    heard = script.tell(JobArrived("b", make_job("b"), references=(("b.wav", "/w/1"),)))
    assert [] == of(InspectReference, heard)
    (take,) = of(SendTake, script.speak(of(SendTake, script.heard)[-1]))
    (finish,) = of(FinishJob, script.speak(take))
    assert (Fault("b.wav", "is long"),) == finish.outcome.warnings
    script.tell(PlanChanged(make_plan(1, generation=0)))
    again = script.tell(JobArrived("c", make_job("c"), references=(("c.wav", "/w/1"),)))
    assert 1 == len(of(InspectReference, again))


def test_a_clip_with_a_fault_is_looked_at_each_time():
    """It may have been the machine's fault, and every job is told of its own place."""
    script = Script()
    script.start()
    for number, name in enumerate(("a", "b")):
        asked = script.tell(JobArrived(name, None, references=(("a.wav", "/w/1"),)))
        assert 1 == len(of(InspectReference, asked))
        script.tell(CheckCompleted(0, f"{number}.0", ("is silent",)))


def test_options_with_faults_are_asked_about_each_time():
    """Every job is told what is wrong with its own."""
    script = Script()
    script.start()
    for number, name in enumerate(("a", "b")):
        assert 1 == len(of(ValidateOptions, script.tell(JobArrived(name, make_job(name)))))
        (finish,) = of(FinishJob, script.tell(CheckCompleted(0, f"{number}.options", ("temperature: is 9",))))
        assert ("temperature: is 9",) == tuple(fault.what for fault in finish.outcome.faults)


def test_a_question_that_was_lost_with_a_worker_is_asked_alone():
    """The next worker looks at nothing beside it, so that no innocent clip shares its blame."""
    script = Script()
    script.start()
    asked = of(InspectReference, script.tell(JobArrived("job", make_job(), references=clips(3))))
    assert 3 == len(asked)
    script.lose(0)
    script.start()
    alone = of(InspectReference, script.heard)[3:]
    assert 1 == len(alone)
    assert 1 == len(of(InspectReference, script.tell(CheckCompleted(alone[0].worker, alone[0].check))))
