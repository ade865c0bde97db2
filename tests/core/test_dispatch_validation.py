"""Input checks before takes: how many at a time, which are not repeated, and what is blamed."""

from fishd.core.dispatch.actions import FinishJob, InspectReference, SendTake, ValidateOptions
from fishd.core.dispatch.events import CheckCompleted, JobArrived, PlanChanged
from fishd.core.dispatch.validation import MAX_CHECKS_PER_WORKER
from fishd.core.model.job import Fault
from tests.core.dispatcher_driver import Driver, make_job, make_plan, of


def clips(count: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"{n}.wav", f"/w/{n}.wav") for n in range(count))


def test_a_worker_has_a_few_checks_at_a_time():
    """The next one starts when one is complete; the others are left to other workers."""
    driver = Driver(make_plan(2))
    driver.start()
    checks = of(InspectReference, driver.apply(JobArrived("job", make_job(), references=clips(20))))
    assert [MAX_CHECKS_PER_WORKER, MAX_CHECKS_PER_WORKER] == [
        sum(check.worker == worker for check in checks) for worker in (0, 1)
    ]
    assert 1 == len(of(InspectReference, driver.apply(CheckCompleted(0, checks[0].check))))


def test_options_that_passed_are_not_checked_again():
    """Until the plan changes, as another engine may refuse them."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("a", make_job("a")))
    driver.apply(CheckCompleted(0, "0.options"))
    assert [] == of(ValidateOptions, driver.apply(JobArrived("b", make_job("b"))))
    driver.apply(PlanChanged(make_plan(1, generation=0)))
    assert 1 == len(of(ValidateOptions, driver.apply(JobArrived("c", make_job("c")))))


def test_a_clip_that_passed_is_not_checked_again():
    """Every job that has it gets its warnings; after a change of the plan it is checked again."""
    driver = Driver()
    driver.start()
    driver.apply(JobArrived("a", make_job("a"), references=(("a.wav", "/w/1"),)))
    driver.apply(CheckCompleted(0, "0.0", (), ("is long",)))
    driver.apply(CheckCompleted(0, "0.options"))
    actions = driver.apply(JobArrived("b", make_job("b"), references=(("b.wav", "/w/1"),)))
    assert [] == of(InspectReference, actions)
    (take,) = of(SendTake, driver.complete(of(SendTake, driver.actions)[-1]))
    (finish,) = of(FinishJob, driver.complete(take))
    assert (Fault("b.wav", "is long"),) == finish.outcome.warnings
    driver.apply(PlanChanged(make_plan(1, generation=0)))
    again = driver.apply(JobArrived("c", make_job("c"), references=(("c.wav", "/w/1"),)))
    assert 1 == len(of(InspectReference, again))


def test_a_clip_with_a_fault_is_checked_each_time():
    """The machine may have been at fault."""
    driver = Driver()
    driver.start()
    for number, name in enumerate(("a", "b")):
        actions = driver.apply(JobArrived(name, None, references=(("a.wav", "/w/1"),)))
        assert 1 == len(of(InspectReference, actions))
        driver.apply(CheckCompleted(0, f"{number}.0", ("is silent",)))


def test_options_with_faults_are_checked_each_time():
    """Every job gets the faults of its own options."""
    driver = Driver()
    driver.start()
    for number, name in enumerate(("a", "b")):
        assert 1 == len(of(ValidateOptions, driver.apply(JobArrived(name, make_job(name)))))
        (finish,) = of(
            FinishJob, driver.apply(CheckCompleted(0, f"{number}.options", ("temperature: is 9",)))
        )
        assert ("temperature: is 9",) == tuple(fault.what for fault in finish.outcome.faults)


def test_a_check_that_was_lost_with_its_worker_runs_alone():
    """No other check is lost if it ends the next worker too."""
    driver = Driver()
    driver.start()
    checks = of(InspectReference, driver.apply(JobArrived("job", make_job(), references=clips(3))))
    assert 3 == len(checks)
    driver.lose(0)
    driver.start()
    alone = of(InspectReference, driver.actions)[3:]
    assert 1 == len(alone)
    assert 1 == len(of(InspectReference, driver.apply(CheckCompleted(alone[0].worker, alone[0].check))))


def test_a_check_that_was_lost_with_ten_nodes_counts_from_then_on():
    """It may be what ends them. The other check of the job runs when it is over."""
    driver = Driver(make_plan(1, max_takes=2))
    driver.start()
    driver.apply(JobArrived("job", make_job(), references=clips(1)))
    for worker in range(12):
        driver.lose(worker, "node lost")
        driver.tick(after_s=60.0)
        driver.start()
    last = [check.check for check in driver.actions if isinstance(check, (InspectReference, ValidateOptions))]
    assert [] == driver.outcomes()
    driver.apply(CheckCompleted(12, last[-1]))
    (outcome,) = driver.outcomes()
    assert ["checking it ended 2 workers; the last one: it crashed"] == [f.what for f in outcome.faults]
