"""The order of the waiting segments of one job."""

from fishd.core.dispatch.segment_queue import SegmentQueue
from tests.core.dispatcher_driver import make_job

NO_VOICES: set[str] = set()


def make_queue(*lines: int) -> SegmentQueue:
    job = make_job("job", lines)
    return SegmentQueue(job, ((s, n) for s, n, _ in job.segments()))


def take_next(
    queue: SegmentQueue, voices: set[str] = NO_VOICES, *, idle: bool = True
) -> tuple[int, int] | None:
    place = queue.peek(voices, idle=idle)
    if place is not None:
        queue.pop(*place)
    return place


def test_the_speaker_with_the_most_left_is_next():
    """If several have as many, the first of them."""
    queue = make_queue(1, 3, 2)
    assert [1, 1, 2, 0, 1, 2] == [place[0] for _ in range(6) if (place := take_next(queue))]
    assert take_next(queue) is None
    assert 0 == len(queue)


def test_a_segment_that_is_put_back_is_found_again():
    """Also that of a speaker who had none left, by a worker that knows the voice or not."""
    queue = make_queue(1, 1)
    assert [(0, 0), (1, 0)] == [take_next(queue) for _ in range(2)]
    assert queue.peek(NO_VOICES, idle=True) is None
    queue.put_back(1, 0, alone=False)
    assert (1, 0) == queue.peek(NO_VOICES, idle=True)
    assert (1, 0) == take_next(queue, {"job-voice-1"})
    assert 0 == len(queue)


def test_a_segment_that_must_run_alone_is_next_for_an_idle_worker_only():
    """A busy worker gets another one."""
    queue = make_queue(2)
    assert (0, 0) == take_next(queue)
    queue.put_back(0, 0, alone=True)
    assert queue.has_alone
    assert (0, 1) == queue.peek(NO_VOICES, idle=False)
    assert (0, 0) == queue.peek(NO_VOICES, idle=True)
    assert queue.pop(0, 0)
    assert not queue.pop(0, 1)


def test_a_known_voice_wins_over_a_speaker_with_more_left():
    """Of several known voices, the one with the most left is next."""
    queue = make_queue(3, 1, 2)
    assert (1, 0) == queue.peek({"job-voice-1"}, idle=True)
    assert (2, 0) == queue.peek({"job-voice-1", "job-voice-2", "unknown"}, idle=True)
