"""Which segment goes to which worker: by priority, round robin, voice and length, with an even load."""

from fishd.core.dispatch.actions import SendTake, ValidateOptions
from fishd.core.dispatch.events import JobArrived, TakeCompleted
from tests.core.dispatcher_driver import Driver, clip_of, make_job, make_plan, of
from tests.core.simulation import Simulation

EVEN_SPLIT_SLACK = 1.10


def order_of(driver: Driver, count: int) -> list[tuple[str, int, int]]:
    """The places of the next takes, each completed as soon as it is sent."""
    places: list[tuple[str, int, int]] = []
    takes = of(SendTake, driver.actions)
    for at in range(count):
        take = takes[at]
        places.append((take.job.name, take.speaker_index, take.segment_index))
        takes += of(SendTake, driver.complete(take))
    return places


def test_the_job_of_higher_priority_goes_first():
    """With the next free slot, although the other job arrived first."""
    driver = Driver()
    driver.start()
    driver.arrive(make_job("low", (3,)))
    driver.arrive(make_job("high", (2,), priority=1))
    assert ["low", "high", "high", "low", "low"] == [name for name, _, _ in order_of(driver, 5)]


def test_checks_follow_priority_too():
    """A job of high priority does not wait for the checks of earlier jobs."""
    driver = Driver()
    for name, priority in (("a", 0), ("b", 0), ("urgent", 5)):
        driver.apply(JobArrived(name, make_job(name, priority=priority)))
    driver.start()
    assert "2.options" == of(ValidateOptions, driver.actions)[0].check


def test_jobs_of_one_priority_take_turns():
    """Two jobs share a worker take by take."""
    simulation = Simulation(make_plan(1))
    for name in ("a", "b"):
        simulation.schedule(0.0, JobArrived(name, make_job(name, (4,))))
    simulation.run()
    names = [take.job.name for _, take in simulation.sent]
    assert ["b", "a", "b", "a"] == names[2:6]


def test_a_worker_prefers_an_enrolled_voice():
    """Although the other speaker has more segments left."""
    driver = Driver()
    driver.start()
    driver.arrive(make_job("job", (2, 2)))
    assert [0, 0, 1, 1] == [speaker for _, speaker, _ in order_of(driver, 4)]


def test_a_worker_without_the_voice_helps_with_the_last_speaker():
    """An enrolled voice is only a preference."""
    driver = Driver(make_plan(2))
    driver.start()
    driver.arrive(make_job("job", (4,)))
    assert {0, 1} == {take.worker for take in of(SendTake, driver.actions)}


def test_a_new_worker_gets_the_speaker_with_the_most_segments_left():
    """It has no voice enrolled."""
    driver = Driver()
    driver.start()
    driver.arrive(make_job("job", (1, 3, 2)))
    assert [1] == [take.speaker_index for take in of(SendTake, driver.actions)]


def test_the_longest_text_goes_first_and_equals_keep_their_order():
    """A long segment at the end would keep one worker busy while the others are idle."""
    driver = Driver()
    driver.start()
    driver.arrive(make_job("job", (4,), texts=("Hm.", "A long, long text.", "Hm.", "Middling.")))
    assert [1, 3, 0, 2] == [n for _, _, n in order_of(driver, 4)]


def test_the_least_loaded_worker_gets_the_next_take():
    """Four takes on two workers with four slots are two each."""
    driver = Driver(make_plan(2))
    driver.start(slots=4)
    driver.arrive(make_job("job", (4,)))
    assert [2, 2] == [len(worker.takes) for worker in driver.dispatcher.workers.by_id.values()]


def test_one_long_speaker_does_not_delay_the_job():
    """One with 23 segments and five with 4 or 5 take at most 10 % more than an even split on 4 workers."""
    lines = (23, 5, 5, 5, 4, 4)
    texts = tuple("x" * (20 + 37 * n % 60) for n in range(23))
    simulation = Simulation(make_plan(4), load_s=0.0, cost_s=lambda take: 0.5 + 0.05 * len(take.segment.text))
    simulation.schedule(0.0, JobArrived("job", make_job("job", lines, texts=texts)))
    simulation.run()
    even_s = sum(simulation.cost_s(take) for _, take in simulation.sent) / 4
    ended_at, _ = simulation.finished["job"]
    assert 46 == simulation.spoken.total()
    assert ended_at <= EVEN_SPLIT_SLACK * even_s


def test_a_small_job_behind_a_large_one_finishes_early():
    """Three segments do not wait for five hundred."""
    simulation = Simulation(make_plan(2))
    simulation.schedule(0.0, JobArrived("large", make_job("large", (250, 250))))
    simulation.schedule(5.0, JobArrived("small", make_job("small", (3,))))
    simulation.run()
    assert simulation.finished["small"][0] < 15
    assert simulation.finished["large"][0] > 240


def test_many_jobs_finish_one_after_the_other():
    """Of a hundred that arrive together only a few are open at a time."""
    simulation = Simulation(make_plan(1))
    for number in range(100):
        name = f"job {number:03}"
        simulation.schedule(0.0, JobArrived(name, make_job(name, (4,))))
    simulation.run()
    moments = [moment for moment, _ in simulation.finished.values()]
    assert list(simulation.finished) == sorted(simulation.finished)
    assert moments[0] < 40
    assert moments[-1] > 390


def test_a_retry_does_not_wait_for_all_other_jobs():
    """An open job stays open until its last segment has ended."""
    driver = Driver()
    driver.start()
    driver.arrive(make_job("first", (1,)))
    for number in range(20):
        driver.arrive(make_job(f"job {number}", (2,)))
    takes = of(SendTake, driver.actions)
    driver.fail(takes[0])
    for at in range(1, 11):
        takes = of(SendTake, driver.actions)
        driver.complete(takes[at])
    assert "first" in {take.job.name for take in of(SendTake, driver.actions)[1:]}


def test_the_same_events_give_the_same_actions():
    """Nothing depends on the order of a set or on chance."""

    def simulate() -> list[object]:
        simulation = Simulation(make_plan(3), slots=2)
        for number in range(5):
            simulation.schedule(number * 0.1, JobArrived(f"{number}", make_job(f"{number}", (3, 2, 4))))
        simulation.run()
        return [(moment, take.take, take.seed) for moment, take in simulation.sent]

    assert simulate() == simulate()


def test_a_clip_of_a_worker_that_is_gone_is_ignored():
    """Its segment is in flight elsewhere or waits."""
    driver = Driver()
    driver.start()
    (take,) = of(SendTake, driver.arrive(make_job()))
    driver.lose(0)
    assert [] == driver.apply(TakeCompleted(0, take.take, clip_of(take)))
