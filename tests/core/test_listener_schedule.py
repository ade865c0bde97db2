"""Which listener hears which take: requests and events in, actions out."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from fishd.daemon.listening.schedule import (
    FAILED_STARTS,
    IDLE_S,
    LONGEST_PAUSE_S,
    REQUESTS_EACH,
    START_LIMIT_S,
    Answer,
    KillListener,
    ListenAction,
    ListenerSchedule,
    SendRequest,
    StartListener,
    StopListener,
)
from fishd.wire.listen import Heard, Listen, ReferenceVoice

LIMIT_S = 60.0
VOICE = ReferenceVoice("Mara", "key", ())


def request(name: str) -> Listen:
    return Listen(name, f"{name}.wav", ("A text.",), "en", VOICE)


def heard(name: str, memory_gb: float | None = None) -> Heard:
    return Heard(name, "A text.", 0.0, None, (), memory_gb)


class Driver:
    """A schedule and a clock; every call returns all actions that follow."""

    def __init__(self, most: int = 1) -> None:
        self.schedule = ListenerSchedule(most)
        self.now = 0.0

    def add(self, *names: str, job: str = "job") -> list[ListenAction]:
        for name in names:
            self.schedule.add(request(name), job, LIMIT_S)
        return self.decide()

    def ready(self, listener: int, memory_gb: float | None = None) -> list[ListenAction]:
        self.schedule.on_ready(listener, memory_gb, self.now)
        return self.decide()

    def answer(self, listener: int, name: str, memory_gb: float | None = None) -> list[ListenAction]:
        return self.decide(self.schedule.on_answer(listener, heard(name, memory_gb), "", self.now))

    def exit(self, listener: int, reason: str = "killed by SIGKILL") -> list[ListenAction]:
        return self.decide(self.schedule.on_exit(listener, reason, self.now))

    def wait(self, seconds: float) -> list[ListenAction]:
        self.now += seconds
        return self.decide()

    def decide(self, before: Iterable[ListenAction] = ()) -> list[ListenAction]:
        return [*before, *self.schedule.decide(self.now)]


def test_a_listener_is_started_for_the_first_request_and_hears_one_after_the_other():
    driver = Driver()

    assert [StartListener(0)] == driver.add("a")
    assert [] == driver.add("b")
    assert [SendRequest(0, request("a"))] == driver.ready(0)
    assert [Answer("a", heard("a")), SendRequest(0, request("b"))] == driver.answer(0, "a")
    assert [Answer("b", heard("b"))] == driver.answer(0, "b")


def test_more_listeners_are_started_when_many_requests_wait_up_to_the_most():
    driver = Driver(most=2)

    assert [StartListener(0)] == driver.add(*"abcd")
    assert [StartListener(1)] == driver.add("e")
    assert [] == driver.add(*"f" * REQUESTS_EACH * 9)


def test_jobs_take_turns():
    driver = Driver()
    driver.add("a1", "a2", "a3", job="a")
    driver.add("b1", job="b")

    order = [action.request.id for action in driver.ready(0) if isinstance(action, SendRequest)]
    for _ in range(3):
        actions = driver.answer(0, order[-1])
        order += [action.request.id for action in actions if isinstance(action, SendRequest)]

    assert ["a1", "b1", "a2", "a3"] == order


def test_a_request_that_is_lost_with_its_listener_is_sent_once_more_and_then_answered_as_unheard():
    driver = Driver()
    driver.add("a")
    driver.ready(0)

    assert [StartListener(1)] == driver.exit(0)
    assert [SendRequest(1, request("a"))] == driver.ready(1)
    reason = "the listener exited while it was heard (killed by SIGSEGV)"
    assert [Answer("a", None, reason)] == driver.exit(1, "killed by SIGSEGV")


def test_a_listener_that_does_not_answer_in_time_is_killed():
    driver = Driver()
    driver.add("a")
    driver.ready(0)

    assert LIMIT_S == driver.schedule.next_deadline()
    assert [] == driver.wait(LIMIT_S - 1)
    assert [KillListener(0, "no answer within 60 s"), StartListener(1)] == driver.wait(1)
    assert [] == driver.exit(0, "no answer within 60 s")
    assert [SendRequest(1, request("a"))] == driver.ready(1)


def test_a_listener_that_does_not_load_in_time_is_killed():
    driver = Driver()
    driver.add("a")

    actions = driver.wait(START_LIMIT_S)

    assert [KillListener(0, "no answer within 180 s"), StartListener(1)] == actions


def test_when_no_listener_can_be_started_requests_are_answered_as_unheard_until_the_next_try():
    driver = Driver(most=4)
    driver.add(*"abcdefghi")

    assert [] == driver.exit(0, "no model")
    driver.exit(1, "no model")
    actions = driver.exit(2, "no model")

    assert FAILED_STARTS <= 3
    assert [Answer(name, None, "no listener can be started: no model") for name in "abcdefghi"] == actions
    assert [Answer("j", None, "no listener can be started: no model")] == driver.add("j")
    driver.wait(LONGEST_PAUSE_S)
    assert [StartListener(3)] == driver.add("k")
    assert [SendRequest(3, request("k"))] == driver.ready(3)


def test_a_listener_that_is_idle_for_long_is_stopped_and_another_started_when_needed():
    driver = Driver()
    driver.add("a")
    driver.ready(0)
    driver.answer(0, "a")

    assert [StopListener(0)] == driver.wait(IDLE_S)
    assert [StartListener(1)] == driver.add("b")
    assert [] == driver.exit(0, "the process exited with status 0")


def test_a_listener_whose_memory_grows_is_replaced_after_its_answer():
    driver = Driver()
    driver.add("a", "b")
    driver.ready(0, memory_gb=1.0)

    actions = driver.answer(0, "a", memory_gb=2.6)

    assert [Answer("a", heard("a", 2.6)), StopListener(0), StartListener(1)] == actions


def test_another_recogniser_replaces_listeners_when_they_have_answered():
    driver = Driver(most=3)
    driver.add(*"abcdefghi")
    driver.ready(0)
    driver.ready(1)

    actions = driver.decide(driver.schedule.replace_all())

    assert [KillListener(2, "another recogniser is configured"), StartListener(3)] == actions
    assert [Answer("a", heard("a")), StopListener(0)] == driver.answer(0, "a")


def test_a_smaller_pool_stops_listeners_that_are_free():
    driver = Driver(most=2)
    driver.add(*"abcde")
    driver.ready(0)
    driver.ready(1)
    driver.schedule.most = 1

    assert [Answer("b", heard("b")), StopListener(1)] == driver.answer(1, "b")


def test_the_requests_of_a_cancelled_job_are_not_answered():
    driver = Driver()
    driver.add("a", "b", job="a")
    driver.add("c", job="c")
    driver.ready(0)
    driver.schedule.forget("a")

    assert [SendRequest(0, request("c"))] == driver.answer(0, "a")
    assert [Answer("c", heard("c"))] == driver.answer(0, "c")


def test_a_clip_that_cannot_be_listened_to_is_answered_with_the_reason():
    driver = Driver()
    driver.add("a")
    driver.ready(0)

    assert [Answer("a", None, "no audio")] == list(driver.schedule.on_answer(0, None, "no audio", 0.0))


class World:
    """Listeners that follow a schedule's actions, and count its answers."""

    def __init__(self, random: Random) -> None:
        self.driver = Driver(most=2)
        self.random = random
        self.starting = set[int]()
        self.free = set[int]()
        self.held = dict[int, str]()
        self.leaving = set[int]()
        self.asked = list[str]()
        self.answered = list[str]()

    def follow(self, actions: list[ListenAction]) -> None:
        for action in actions:
            match action:
                case StartListener(listener):
                    self.starting.add(listener)
                case SendRequest(listener, message):
                    self.free.remove(listener)  # KeyError: it was not free
                    self.held[listener] = message.id
                case Answer(name):
                    self.answered.append(name)
                case StopListener(listener):
                    self.free.remove(listener)
                    self.leaving.add(listener)
                case KillListener(listener):
                    self.leaving.add(listener)
        assert len((self.starting | self.free | self.held.keys()) - self.leaving) <= 2

    def step(self, name: str) -> None:
        getattr(self, name)()

    def add(self) -> None:
        self.asked.append(str(len(self.asked)))
        self.follow(self.driver.add(self.asked[-1], job=self.random.choice("xy")))

    def ready(self) -> None:
        if able := sorted(self.starting - self.leaving):
            listener = self.random.choice(able)
            self.starting.remove(listener)
            self.free.add(listener)
            self.follow(self.driver.ready(listener))

    def answer(self) -> None:
        if able := sorted(self.held.keys() - self.leaving):
            listener = self.random.choice(able)
            self.free.add(listener)
            self.follow(self.driver.answer(listener, self.held.pop(listener)))

    def exit(self) -> None:
        if able := sorted(self.starting | self.free | self.held.keys() | self.leaving):
            self._exit(self.random.choice(able))

    def exit_leaving(self) -> None:
        for listener in sorted(self.leaving):
            self._exit(listener)

    def _exit(self, listener: int) -> None:
        for group in (self.starting, self.free, self.leaving):
            group.discard(listener)
        self.held.pop(listener, None)
        self.follow(self.driver.exit(listener))

    def wait(self) -> None:
        self.follow(self.driver.wait(self.random.choice([1.0, 50.0, 400.0])))

    def replace(self) -> None:
        self.follow(self.driver.decide(self.driver.schedule.replace_all()))

    def resize(self) -> None:
        self.driver.schedule.most = self.random.choice([1, 2])
        self.follow(self.driver.decide())


EVENTS = ("add", "ready", "answer")
STEPS = st.sampled_from([*EVENTS, *EVENTS, "exit", "exit_leaving", "wait", "replace", "resize"])


@given(st.lists(STEPS, max_size=60), st.randoms(use_true_random=False))
def test_every_request_is_answered_exactly_once_whatever_happens(steps: list[str], random: Random):
    world = World(random)

    for name in steps:
        world.step(name)
    for _ in range(400):
        if len(world.answered) == len(world.asked):
            break
        for name in ("ready", "answer", "wait", "exit_leaving"):
            world.step(name)

    assert sorted(world.asked) == sorted(world.answered)
