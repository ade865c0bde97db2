"""Which segment goes to which worker: priority, turns, voices, the longest first, and an even load."""

from fishd.core.dispatch.actions import SendTake, ValidateOptions
from fishd.core.dispatch.events import JobArrived, TakeCompleted
from tests.core.stage import Script, World, clip_of, make_job, make_plan, of

EVEN_SPLIT_SLACK = 1.10


def order_of(script: Script, count: int) -> list[tuple[str, int, int]]:
    """The places of the next takes, each spoken as soon as it is sent."""
    places: list[tuple[str, int, int]] = []
    takes = of(SendTake, script.heard)
    for at in range(count):
        take = takes[at]
        places.append((take.job.name, take.speaker_index, take.segment_index))
        takes += of(SendTake, script.speak(take))
    return places


def test_the_job_of_higher_priority_goes_first():
    """Once a slot is free, what waits with priority 1 goes before what came earlier with 0."""
    script = Script()
    script.start()
    script.arrive(make_job("low", (3,)))
    script.arrive(make_job("high", (2,), priority=1))
    assert ["low", "high", "high", "low", "low"] == [name for name, _, _ in order_of(script, 5)]


def test_questions_follow_priority_too():
    """A job of high priority does not wait until every bundle before it was looked at."""
    script = Script()
    for name, priority in (("a", 0), ("b", 0), ("urgent", 5)):
        script.tell(JobArrived(name, make_job(name, priority=priority)))
    script.start()
    assert "2.options" == of(ValidateOptions, script.heard)[0].check


def test_jobs_of_one_priority_take_turns():
    """Two jobs that came together share a worker take by take."""
    world = World(make_plan(1))
    for name in ("a", "b"):
        world.at(0.0, JobArrived(name, make_job(name, (4,))))
    world.run()
    names = [take.job.name for _, take in world.sent]
    assert ["b", "a", "b", "a"] == names[2:6]


def test_a_worker_prefers_the_voice_that_it_knows():
    """Of two speakers it goes on with the one whose voice it has enrolled, though the other has more left."""
    script = Script()
    script.start()
    script.arrive(make_job("job", (2, 2)))
    assert [0, 0, 1, 1] == [speaker for _, speaker, _ in order_of(script, 4)]


def test_a_known_voice_is_only_a_preference():
    """Two workers end up on one speaker when he is all that is left."""
    script = Script(make_plan(2))
    script.start()
    script.arrive(make_job("job", (4,)))
    assert {0, 1} == {take.worker for take in of(SendTake, script.heard)}


def test_a_worker_that_knows_nobody_takes_the_speaker_with_the_most_left():
    """The longest queue decides."""
    script = Script()
    script.start()
    script.arrive(make_job("job", (1, 3, 2)))
    assert [1] == [take.speaker_index for take in of(SendTake, script.heard)]


def test_the_longest_text_goes_first_and_equals_keep_their_order():
    """A long last segment would keep one worker busy when the others are done."""
    script = Script()
    script.start()
    script.arrive(make_job("job", (4,), texts=("Hm.", "A long, long text.", "Hm.", "Middling.")))
    assert [1, 3, 0, 2] == [n for _, _, n in order_of(script, 4)]


def test_the_emptiest_worker_is_filled_first():
    """Four takes on two workers of four slots are two each."""
    script = Script(make_plan(2))
    script.start(slots=4)
    script.arrive(make_job("job", (4,)))
    assert [2, 2] == [len(worker.takes) for worker in script.dispatcher.workers.by_id.values()]


def test_one_long_speaker_does_not_hold_up_the_job():
    """One speaker of 23 and five of 4 or 5 on 4 workers end within 10 % of the even split."""
    lines = (23, 5, 5, 5, 4, 4)
    texts = tuple("x" * (20 + 37 * n % 60) for n in range(23))
    world = World(make_plan(4), load_s=0.0, cost_s=lambda take: 0.5 + 0.05 * len(take.segment.text))
    world.at(0.0, JobArrived("job", make_job("job", lines, texts=texts)))
    world.run()
    even_s = sum(world.cost_s(take) for _, take in world.sent) / 4
    ended_at, _ = world.ended["job"]
    assert 46 == world.spoken.total()
    assert ended_at <= EVEN_SPLIT_SLACK * even_s


def test_a_small_job_behind_a_big_one_ends_early():
    """Three segments dropped behind five hundred do not wait for them."""
    world = World(make_plan(2))
    world.at(0.0, JobArrived("big", make_job("big", (250, 250))))
    world.at(5.0, JobArrived("small", make_job("small", (3,))))
    world.run()
    assert world.ended["small"][0] < 15
    assert world.ended["big"][0] > 240


def test_many_jobs_come_out_one_after_the_other():
    """Of a hundred jobs dropped at once some are out long before the last: turns go round a few only."""
    world = World(make_plan(1))
    for number in range(100):
        name = f"job {number:03}"
        world.at(0.0, JobArrived(name, make_job(name, (4,))))
    world.run()
    moments = [moment for moment, _ in world.ended.values()]
    assert list(world.ended) == sorted(world.ended)
    assert moments[0] < 40
    assert moments[-1] > 390


def test_a_segment_that_is_tried_again_does_not_go_behind_all_jobs():
    """The job that was open stays open until its last segment has ended."""
    script = Script()
    script.start()
    script.arrive(make_job("first", (1,)))
    for number in range(20):
        script.arrive(make_job(f"job {number}", (2,)))
    takes = of(SendTake, script.heard)
    script.fail(takes[0])
    for at in range(1, 11):
        takes = of(SendTake, script.heard)
        script.speak(takes[at])
    assert "first" in {take.job.name for take in of(SendTake, script.heard)[1:]}


def test_the_same_events_give_the_same_actions():
    """Nothing depends on the order of a set or on chance."""

    def play() -> list[object]:
        world = World(make_plan(3), slots=2)
        for number in range(5):
            world.at(number * 0.1, JobArrived(f"{number}", make_job(f"{number}", (3, 2, 4))))
        world.run()
        return [(moment, take.take, take.seed) for moment, take in world.sent]

    assert play() == play()


def test_a_take_of_a_worker_that_is_gone_is_not_believed():
    """A message that was still on its way changes nothing: the segment is in another hand."""
    script = Script()
    script.start()
    (take,) = of(SendTake, script.arrive(make_job()))
    script.lose(0)
    assert [] == script.tell(TakeCompleted(0, take.take, clip_of(take)))
