"""Deadlines never spin, and the cost of an event does not grow with the number of jobs or segments."""

import sys
from collections import deque
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from fishd.core.dispatch.actions import Action, KillWorker, SendTake, ValidateOptions
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import (
    CheckCompleted,
    Event,
    JobArrived,
    TakeCompleted,
    TakeFailed,
    Tick,
    WorkerReady,
)
from tests.core.dispatcher_driver import Driver, clip_of, make_job, make_plan, of

TEN_TIMES_AND_MARGIN = 13.0


@given(
    started=st.floats(0.0, 1e6),
    limits=st.tuples(*[st.floats(0.001, 1e4)] * 3),
)
def test_a_tick_at_the_deadline_applies_it(started: float, limits: tuple[float, float, float]):
    """Whatever the rounding of the sums: a deadline that remained would make the clock spin."""
    start_s, take_s, drain_s = limits
    plan = make_plan(1, start_timeout_s=start_s, take_timeout_s=take_s, drain_s=drain_s)
    dispatcher = Dispatcher(plan)
    dispatcher.handle(Tick(), started)
    deadline = dispatcher.next_deadline(started)
    assert deadline is not None
    assert 1 == len(of(KillWorker, dispatcher.handle(Tick(), deadline)))
    assert dispatcher.next_deadline(deadline) is None


def test_an_idle_pool_has_no_deadline():
    """It never wakes the daemon."""
    driver = Driver()
    driver.start()
    assert driver.dispatcher.next_deadline(driver.now) is None


def test_the_end_of_a_back_off_is_a_deadline():
    """The next worker may start then."""
    driver = Driver()
    driver.tick()
    driver.lose(0, "load")
    assert driver.now + 1.0 == driver.dispatcher.next_deadline(driver.now)


def count_calls(work: Callable[[], None]) -> int:
    """The number of function calls, Python's and C's: a measure of work on any machine, busy or not."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def speak_all(jobs: int, lines: tuple[int, ...], *, failing: bool = False) -> int:
    """Function calls inside `handle` for that many jobs, which arrive together, until all are finished."""
    dispatcher = Dispatcher(make_plan(4))
    arrivals = [JobArrived(f"{n}", make_job(f"{n}", lines)) for n in range(jobs)]
    todo: deque[Action] = deque()
    calls = 0

    def handle(event: Event) -> None:
        nonlocal calls
        calls += count_calls(lambda: todo.extend(dispatcher.handle(event, 1.0)))

    handle(Tick())
    for worker in range(4):
        handle(WorkerReady(worker, 4, "an engine"))
    for arrival in arrivals:
        handle(arrival)
    while todo:
        event = reply(todo.popleft(), first_takes_fail=failing)
        if event is not None:
            handle(event)
    assert dispatcher.is_idle
    return calls


def reply(action: Action, *, first_takes_fail: bool) -> Event | None:
    """The event with which a worker completes an action."""
    if isinstance(action, ValidateOptions):
        return CheckCompleted(action.worker, action.check)
    if not isinstance(action, SendTake):
        return None
    if first_takes_fail and action.number == 1:
        return TakeFailed(action.worker, action.take, "it failed", retry=True)
    return TakeCompleted(action.worker, action.take, clip_of(action))


def test_a_segment_costs_the_same_in_a_job_of_2_000_as_in_one_of_200():
    """Ten times the segments are ten times the work."""
    assert speak_all(1, (2000,)) < TEN_TIMES_AND_MARGIN * speak_all(1, (200,))


def test_a_speaker_costs_the_same_among_1_000_as_among_100():
    """The choice of the next one does not search all of them."""
    assert speak_all(1, (2,) * 1000) < TEN_TIMES_AND_MARGIN * speak_all(1, (2,) * 100)


def test_a_job_costs_the_same_among_2_000_as_among_200():
    """Both its takes and its checks."""
    assert speak_all(2000, (1,)) < TEN_TIMES_AND_MARGIN * speak_all(200, (1,))


def test_a_retry_costs_the_same_in_a_large_job_as_in_a_small_one():
    """To put a segment back takes no search."""
    assert speak_all(1, (1000, 1000), failing=True) < TEN_TIMES_AND_MARGIN * speak_all(
        1, (100, 100), failing=True
    )
