"""Takes that are heard by a recogniser before they are accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fishd.core.dispatch.actions import Exit, ForgetTakes, ListenToTake, SendTake
from fishd.core.dispatch.events import CancelRequested, JobArrived, StopRequested, TakeHeard
from fishd.core.model.job import Clip, Job, JobStatus
from fishd.core.quality.faults import FaultKind, QualityFault
from fishd.core.quality.hearing import Hearing
from fishd.core.quality.settings import QualitySettings
from tests.core.dispatcher_driver import Driver, make_job, make_plan, make_quality, of

UNHEARD = Hearing(unheard="the listener exited")


def listening_job(**job: Any) -> Job:
    return replace(make_job(**job), quality=QualitySettings("listen"))


def started(job: Job | None = None, **limits: Any) -> tuple[Driver, list[SendTake]]:
    driver = Driver(make_plan(1, **limits))
    driver.start()
    return driver, of(SendTake, driver.arrive(job or listening_job()))


def spoken(driver: Driver, take: SendTake) -> ListenToTake:
    """A take without signal faults is complete, and is to be heard."""
    (listen,) = of(ListenToTake, driver.complete_checked(take))
    return listen


def heard(listen: ListenToTake, *severities: float, hearing: Hearing | None = None) -> TakeHeard:
    faults = tuple(
        QualityFault(FaultKind.WORDS, f"leaves out «{severity}»", severity) for severity in severities
    )
    assert listen.clip.quality is not None
    quality = listen.clip.quality.with_hearing(hearing or Hearing("Good evening.", 0.0, 0.8), faults)
    clip = replace(listen.clip, quality=quality)
    return TakeHeard(listen.job.name, listen.speaker_index, listen.segment_index, clip)


def test_a_take_is_accepted_when_it_was_heard_without_faults():
    driver, (take,) = started()
    listen = spoken(driver, take)
    assert [] == driver.outcomes()

    driver.apply(heard(listen))

    (outcome,) = driver.outcomes()
    assert JobStatus.DONE == outcome.status
    assert Hearing("Good evening.", 0.0, 0.8) == outcome.segments[0][0].clip.quality.hearing


def test_a_take_that_is_being_heard_holds_no_slot_of_its_worker():
    driver, (take,) = started(listening_job(lines=(2,)))

    actions = driver.complete_checked(take)

    assert [ListenToTake, SendTake] == [type(a) for a in actions if isinstance(a, ListenToTake | SendTake)]


def test_a_take_with_wrong_words_is_spoken_again():
    driver, (take,) = started()

    (second,) = of(SendTake, driver.apply(heard(spoken(driver, take), 0.6)))
    driver.apply(heard(spoken(driver, second)))

    (outcome,) = driver.outcomes()
    assert ("takes/2/0/0.wav", 2) == (outcome.segments[0][0].clip.path, outcome.segments[0][0].takes)
    assert "take 1: leaves out «0.6»; speaking it again" in driver.log()


def test_the_best_of_the_heard_takes_is_kept():
    driver, (take,) = started(max_takes=2)

    (second,) = of(SendTake, driver.apply(heard(spoken(driver, take), 0.4)))
    driver.apply(heard(spoken(driver, second), 0.9))

    (outcome,) = driver.outcomes()
    assert "0/0.wav" == outcome.segments[0][0].clip.path
    assert "take 2: doubtful: leaves out «0.4»; take 1 of 2 is kept" in driver.log()


def test_a_take_that_nobody_could_hear_is_accepted():
    driver, (take,) = started()

    driver.apply(heard(spoken(driver, take), hearing=UNHEARD))

    (outcome,) = driver.outcomes()
    assert UNHEARD == outcome.segments[0][0].clip.quality.hearing


def test_a_take_with_signal_faults_is_not_heard():
    driver, (take,) = started()

    actions = driver.complete(take, 0.6)

    assert ([], 1) == (of(ListenToTake, actions), len(of(SendTake, actions)))


def test_nothing_is_heard_where_only_the_signal_is_checked():
    driver, (take,) = started(make_job())

    assert [] == of(ListenToTake, driver.complete_checked(take))
    assert 1 == len(driver.outcomes())


def test_a_cancelled_job_does_not_wait_for_a_listener():
    driver, (take,) = started()
    listen = spoken(driver, take)

    assert [ForgetTakes("job")] == of(ForgetTakes, driver.apply(CancelRequested("job")))

    (outcome,) = driver.outcomes()
    assert JobStatus.CANCELLED == outcome.status
    assert "0/0.wav" == outcome.segments[0][0].clip.path
    assert [] == driver.apply(heard(listen, 0.6))


def test_a_take_in_flight_when_its_job_is_cancelled_is_not_heard():
    driver, (take,) = started()
    driver.apply(CancelRequested("job"))

    assert [] == of(ListenToTake, driver.complete_checked(take))
    assert 1 == len(driver.outcomes())


def recovered(clip: Clip) -> Driver:
    driver = Driver(make_plan(1))
    driver.start()
    driver.pass_checks(driver.apply(JobArrived("job", listening_job(), clips={(0, 0): (clip,)})))
    return driver


def test_a_take_that_a_crash_left_unheard_is_heard_after_the_next_start():
    clip = Clip("0/0.wav", 1.0, 1, 7, 0, "cpu", 0.5, quality=make_quality())
    driver = recovered(clip)
    (listen,) = of(ListenToTake, driver.actions)
    assert clip == listen.clip

    (second,) = of(SendTake, driver.apply(heard(listen, 0.6)))

    assert 2 == second.number


def test_a_take_that_was_heard_before_a_crash_is_not_heard_again():
    quality = make_quality().with_hearing(UNHEARD, ())

    driver = recovered(Clip("0/0.wav", 1.0, 1, 7, 0, "cpu", 0.5, quality=quality))

    assert [] == of(ListenToTake, driver.actions)
    assert 1 == len(driver.outcomes())


def test_a_daemon_that_stops_does_not_wait_for_a_listener():
    driver, (take,) = started()
    spoken(driver, take)

    driver.apply(StopRequested())

    assert [Exit()] == of(Exit, driver.lose(take.worker))
    assert ["job"] == list(driver.dispatcher.jobs)
