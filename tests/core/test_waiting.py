"""The segments of one job that wait, and which is next."""

from fishd.core.dispatch.segment_queue import SegmentQueue
from tests.core.stage import make_job

NOBODY: set[str] = set()


def make_waiting(*lines: int) -> SegmentQueue:
    job = make_job("job", lines)
    return SegmentQueue(job, ((s, n) for s, n, _ in job.segments()))


def take_next(
    waiting: SegmentQueue, voices: set[str] = NOBODY, *, idle: bool = True
) -> tuple[int, int] | None:
    place = waiting.peek(voices, idle=idle)
    if place is not None:
        waiting.pop(*place)
    return place


def test_the_speaker_with_the_most_left_is_next():
    """Of equals the first."""
    waiting = make_waiting(1, 3, 2)
    assert [1, 1, 2, 0, 1, 2] == [place[0] for _ in range(6) if (place := take_next(waiting))]
    assert take_next(waiting) is None
    assert 0 == len(waiting)


def test_a_speaker_who_had_none_left_comes_back():
    """What is put back is found again, known voice or not."""
    waiting = make_waiting(1, 1)
    assert [(0, 0), (1, 0)] == [take_next(waiting) for _ in range(2)]
    assert waiting.peek(NOBODY, idle=True) is None
    waiting.put_back(1, 0, alone=False)
    assert (1, 0) == waiting.peek(NOBODY, idle=True)
    assert (1, 0) == take_next(waiting, {"job-voice-1"})
    assert 0 == len(waiting)


def test_what_must_be_alone_goes_first_but_only_to_the_idle():
    """Others are handed out beside it."""
    waiting = make_waiting(2)
    assert (0, 0) == take_next(waiting)
    waiting.put_back(0, 0, alone=True)
    assert waiting.has_alone
    assert (0, 1) == waiting.peek(NOBODY, idle=False)
    assert (0, 0) == waiting.peek(NOBODY, idle=True)
    assert waiting.pop(0, 0)
    assert not waiting.pop(0, 1)


def test_a_known_voice_wins_over_a_longer_line():
    """And of several known ones the one with the most left."""
    waiting = make_waiting(3, 1, 2)
    assert (1, 0) == waiting.peek({"job-voice-1"}, idle=True)
    assert (2, 0) == waiting.peek({"job-voice-1", "job-voice-2", "a stranger's"}, idle=True)
