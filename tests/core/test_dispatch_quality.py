"""Takes that were found faulty: spoken again, and the best one kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fishd.core.dispatch.actions import RecordFailure, SendTake
from fishd.core.dispatch.baselines import Baselines
from fishd.core.dispatch.events import CancelRequested, JobArrived
from fishd.core.model.job import Clip, JobStatus, Segment, SegmentFailure
from fishd.core.model.outcome import SegmentOutcome
from tests.core import quality_samples
from tests.core.dispatcher_driver import Driver, make_job, make_plan, make_quality, of


def started(**limits: Any) -> tuple[Driver, SendTake]:
    """A driver, and the first take of a job of one segment."""
    driver = Driver(make_plan(1, **limits))
    driver.start()
    (take,) = of(SendTake, driver.arrive(make_job()))
    return driver, take


def the_segment(driver: Driver) -> SegmentOutcome:
    (outcome,) = driver.outcomes()
    assert JobStatus.DONE == outcome.status
    return outcome.segments[0][0]


def test_a_faulty_take_is_spoken_again_with_another_seed_into_another_file():
    """The next one is good, and ends the line."""
    driver, first = started()
    (second,) = of(SendTake, driver.complete(first, 0.6))
    driver.complete(second)

    assert (2, "0/0.wav", "takes/2/0/0.wav") == (second.number, first.clip, second.clip)
    assert first.seed != second.seed
    assert ("takes/2/0/0.wav", 2) == (the_segment(driver).clip.path, the_segment(driver).takes)
    assert "take 1: a hole of 0.6; speaking it again" in driver.log()


def test_when_every_take_is_faulty_the_best_is_kept():
    """The line is done, and doubtful."""
    driver, take = started(max_takes=3)
    for severity in (0.7, 0.5, 0.9):
        job = driver.dispatcher.jobs["job"]
        following = of(SendTake, driver.complete(take, severity))
        take = following[0] if following else take

    segment = the_segment(driver)
    assert ("takes/2/0/0.wav", 3, 3) == (segment.clip.path, segment.takes, len(segment.spoken))
    assert 1 == job.num_doubtful
    assert "take 3: doubtful: a hole of 0.5; take 2 of 3 is kept" in driver.log()


def test_a_line_whose_last_take_fails_keeps_an_earlier_one():
    """A faulty clip is better than none."""
    driver, first = started(max_takes=2)
    (second,) = of(SendTake, driver.complete(first, 0.6))
    actions = driver.fail(second)

    assert "0/0.wav" == the_segment(driver).clip.path
    assert [SegmentFailure(2, 0, "it failed", is_final=True)] == [
        r.failure for r in of(RecordFailure, actions)
    ]


def test_a_take_that_no_seed_can_help_ends_a_line_with_its_earlier_take():
    """Without waiting for the last take."""
    driver, first = started(max_takes=5)
    (second,) = of(SendTake, driver.complete(first, 0.6))
    driver.fail(second, retry=False)

    assert "0/0.wav" == the_segment(driver).clip.path


def test_a_cancelled_job_keeps_a_faulty_take_that_was_in_flight():
    """Nothing is spoken again for it."""
    driver, take = started()
    driver.apply(CancelRequested("job"))
    assert [] == of(SendTake, driver.complete(take, 0.6))

    (outcome,) = driver.outcomes()
    assert "0/0.wav" == outcome.segments[0][0].clip.path


def recovered(*severities: float, failure: SegmentFailure | None = None) -> Driver:
    """A daemon that finds these takes in the journal, and may speak three."""
    driver = Driver(make_plan(1, max_takes=3))
    driver.start()
    clips = tuple(
        Clip(
            f"0/0.{n}.wav", 1.0, n, n, 0, "cpu", 0.5, quality=make_quality(*([severity] if severity else []))
        )
        for n, severity in enumerate(severities, 1)
    )
    failures = {(0, 0): failure} if failure else {}
    driver.pass_checks(driver.apply(JobArrived("job", make_job(), clips={(0, 0): clips}, failures=failures)))
    return driver


def test_a_good_take_in_the_journal_ends_its_line():
    """Whatever was before it."""
    assert "0/0.2.wav" == the_segment(recovered(0.9, 0.0)).clip.path


def test_faulty_takes_in_the_journal_count():
    """The next one is the third and last, after which the best is kept."""
    driver = recovered(0.4, 0.9)
    (take,) = of(SendTake, driver.actions)
    driver.complete(take, 0.6)

    assert 3 == take.number
    assert ("0/0.1.wav", 3) == (the_segment(driver).clip.path, the_segment(driver).takes)


def test_as_many_faulty_takes_as_are_allowed_end_a_line():
    """As they would have without the crash."""
    assert "0/0.2.wav" == the_segment(recovered(0.9, 0.4, 0.5)).clip.path


def test_a_failed_take_in_the_journal_counts_beside_a_faulty_one():
    """Two of three are gone."""
    driver = recovered(0.4, failure=SegmentFailure(2, 0, "it failed", is_final=False))
    (take,) = of(SendTake, driver.actions)

    assert 3 == take.number


def test_a_final_failure_in_the_journal_leaves_the_faulty_take():
    """As it did before the crash."""
    driver = recovered(0.4, failure=SegmentFailure(2, 0, "it failed", is_final=True, can_retry=False))

    assert "0/0.1.wav" == the_segment(driver).clip.path


def test_takes_are_checked_against_those_that_were_kept():
    """Four takes make a speaker's level known."""
    driver = Driver(make_plan(1))
    driver.start()
    (take,) = of(SendTake, driver.arrive(make_job(lines=(5,))))
    baselines = driver.dispatcher.jobs["job"].baselines
    much_louder = quality_samples.take(level_db=-3.0, speech_s=1.0)
    assert () == baselines.assess(take.speaker, take.segment, much_louder).faults

    for _ in range(4):
        (take,) = of(SendTake, driver.complete_checked(take))

    (fault,) = baselines.assess(take.speaker, take.segment, much_louder).faults
    assert "19 dB louder than usual" == fault.text


def test_a_take_that_was_kept_before_the_references_are_known_does_not_hide_them():
    """After a restart, and in a revision: a pause as long as the speaker's own is no hole."""
    speaker = replace(make_job().speakers[0], files=("reference.wav",))
    segment = replace(speaker.segments[0], text=quality_samples.TEXT)
    paused = quality_samples.take(longest_gap_s=2.1, duration_s=7.0)
    baselines = Baselines()
    kept = baselines.assess(speaker, segment, quality_samples.GOOD)
    assert ["hole"] == [fault.kind for fault in baselines.assess(speaker, segment, paused).faults]
    baselines.add_take(speaker, segment, kept)
    baselines.add_reference("reference.wav", paused)
    assert () == baselines.assess(speaker, segment, paused).faults


def test_no_take_of_one_line_has_the_file_of_another_line():
    """Whatever its id is."""
    one, other = (Segment(name, "Hello.", "en", f"clips/A/{name}.wav") for name in ("a", "a.take2"))
    paths = [segment.take_path(number) for segment in (one, other) for number in (1, 2, 3)]
    assert len(set(paths)) == len(paths)
