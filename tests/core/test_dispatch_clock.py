"""Time and cost: no deadline spins, and no event costs more because there is more to do."""

import sys
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from fishd.core.dispatch.actions import KillWorker, SendTake
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import JobArrived, Tick, WorkerReady
from tests.core.stage import Script, World, clip_of, make_job, make_plan, of

TEN_TIMES_AND_SOME = 13.0


@given(
    started=st.floats(0.0, 1e6),
    limits=st.tuples(*[st.floats(0.001, 1e4)] * 3),
)
def test_a_tick_at_the_deadline_does_what_is_due(started: float, limits: tuple[float, float, float]):
    """However the sums are rounded: the deadline is not left standing, or the clock would spin."""
    start_s, take_s, drain_s = limits
    plan = make_plan(1, start_timeout_s=start_s, take_timeout_s=take_s, drain_s=drain_s)
    dispatcher = Dispatcher(plan)
    dispatcher.handle(Tick(), started)
    deadline = dispatcher.next_deadline(started)
    assert deadline is not None
    assert 1 == len(of(KillWorker, dispatcher.handle(Tick(), deadline)))
    assert dispatcher.next_deadline(deadline) is None


def test_an_idle_pool_has_no_deadline():
    """Nothing to do, nothing to wake for."""
    script = Script()
    script.start()
    assert script.dispatcher.next_deadline(script.now) is None


def test_backing_off_is_a_deadline():
    """The clock wakes when the next worker may start, and not before."""
    script = Script()
    script.tick()
    script.lose(0, "load")
    assert script.now + 1.0 == script.dispatcher.next_deadline(script.now)


def count_calls(play: Callable[[], None]) -> int:
    """How many functions are called, Python's and C's: a measure of work that no busy machine disturbs."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        play()
    finally:
        sys.setprofile(before)
    return calls


def speak_all(jobs: int, lines: tuple[int, ...], *, failing: bool = False) -> int:
    """Calls inside `handle` for that many jobs, all there at once, from arrival to ending."""
    world = World(make_plan(4), slots=4)
    dispatcher = world.dispatcher
    arrivals = [JobArrived(f"{n}", make_job(f"{n}", lines)) for n in range(jobs)]
    calls = 0
    failed: set[tuple[str, int, int]] = set()

    def handle(event: object) -> None:
        nonlocal calls
        actions: list[object] = []
        calls += count_calls(lambda: actions.extend(dispatcher.handle(event, 1.0)))  # type: ignore[arg-type]
        todo.extend(actions)

    todo: list[object] = []
    handle(Tick())
    for worker in range(4):
        handle(WorkerReady(worker, 4, "an engine"))
    for arrival in arrivals:
        handle(arrival)
    at = 0
    while at < len(todo):
        event = answer(todo[at], failed if failing else None)
        at += 1
        if event is not None:
            handle(event)
    assert dispatcher.is_idle
    return calls


def answer(action: object, failed: set[tuple[str, int, int]] | None) -> object | None:
    """A world in which all goes well, or every first take fails."""
    from fishd.core.dispatch.actions import ValidateOptions
    from fishd.core.dispatch.events import CheckCompleted, TakeCompleted, TakeFailed

    if isinstance(action, ValidateOptions):
        return CheckCompleted(action.worker, action.check)
    if not isinstance(action, SendTake):
        return None
    if failed is not None and action.number == 1:
        return TakeFailed(action.worker, action.take, "it stammered", retry=True)
    return TakeCompleted(action.worker, action.take, clip_of(action))


def test_a_segment_costs_the_same_in_a_job_of_2_000_as_in_one_of_200():
    """Ten times the segments are ten times the work, not more."""
    assert speak_all(1, (2000,)) < TEN_TIMES_AND_SOME * speak_all(1, (200,))


def test_a_speaker_costs_the_same_among_1_000_as_among_100():
    """Choosing a speaker does not look at all of them."""
    assert speak_all(1, (2,) * 1000) < TEN_TIMES_AND_SOME * speak_all(1, (2,) * 100)


def test_a_job_costs_the_same_among_2_000_as_among_200():
    """Turns are constant in the number of jobs, questions too."""
    assert speak_all(2000, (1,)) < TEN_TIMES_AND_SOME * speak_all(200, (1,))


def test_takes_that_are_tried_again_cost_the_same_too():
    """Putting a segment back among many is no search."""
    assert speak_all(1, (1000, 1000), failing=True) < TEN_TIMES_AND_SOME * speak_all(
        1, (100, 100), failing=True
    )
