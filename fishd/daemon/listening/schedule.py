"""Which listener hears which take: requests and events in, actions out. It reads no clock and starts nothing.

Theory. Requests wait in a queue for each job, and jobs take turns. Listeners are started when requests wait,
at most `most`, and stopped when idle for a while. Each holds one request. A request that is lost with its
listener is sent once more; a second time it is answered as unheard, for a verdict is not worth a job. When
listeners cannot be started, requests are answered so at once, until the next try.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from fishd.wire.listen import Heard, Listen

MAX_ATTEMPTS = 2
START_LIMIT_S = 180.0  # to load a large model from a cold disk
IDLE_S = 300.0
REQUESTS_EACH = 4  # more than these waiting: another listener helps
FAILED_STARTS = 2  # in a row, before requests are given up
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 120.0
MEMORY_GROWTH, MEMORY_SLACK_GB = 1.5, 1.0


@dataclass(frozen=True, slots=True)
class StartListener:
    listener: int


@dataclass(frozen=True, slots=True)
class SendRequest:
    listener: int
    request: Listen


@dataclass(frozen=True, slots=True)
class StopListener:
    """It ends by itself: it holds no request."""

    listener: int


@dataclass(frozen=True, slots=True)
class KillListener:
    listener: int
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`heard` is None for a request that nobody heard, for this `reason`."""

    id: str
    heard: Heard | None
    reason: str = ""


ListenAction = StartListener | SendRequest | StopListener | KillListener | Answer


@dataclass(slots=True)
class _Request:
    message: Listen
    job: str
    limit_s: float
    attempts: int = 0
    is_wanted: bool = True


@dataclass(slots=True)
class _Listener:
    id: int
    since: float  # of its start, its request or its last answer
    is_ready: bool = False
    is_leaving: bool = False  # killed or stopped
    is_outdated: bool = False  # it has another model, and gets no further request
    request: _Request | None = None
    first_memory_gb: float | None = None

    @property
    def is_free(self) -> bool:
        return self.is_ready and not self.is_leaving and self.request is None


@dataclass(slots=True)
class ListenerSchedule:
    """Owns the queue and the state of every listener; called by one task only."""

    most: int
    # The mutable state.
    _queues: OrderedDict[str, deque[_Request]] = field(default_factory=OrderedDict[str, deque[_Request]])
    _listeners: dict[int, _Listener] = field(default_factory=dict[int, _Listener])
    _next_id: int = 0
    _failed_starts: int = 0
    _start_fault: str = ""
    _not_before: float = 0.0

    @property
    def num_waiting(self) -> int:
        return sum(map(len, self._queues.values()))

    @property
    def num_heard(self) -> int:
        """How many requests listeners hold."""
        return sum(listener.request is not None for listener in self._listeners.values())

    @property
    def listeners(self) -> tuple[int, ...]:
        return tuple(self._listeners)

    # ---- what happens ------------------------------------------------------------------------------

    def add(self, message: Listen, job: str, limit_s: float) -> None:
        """A take is to be heard within `limit_s` of being sent."""
        self._queues.setdefault(job, deque()).append(_Request(message, job, limit_s))

    def forget(self, job: str) -> None:
        """The job is cancelled: its requests are not answered."""
        self._queues.pop(job, None)
        for listener in self._listeners.values():
            if listener.request is not None and listener.request.job == job:
                listener.request.is_wanted = False

    def on_ready(self, listener_id: int, memory_gb: float | None, now: float) -> None:
        listener = self._listeners[listener_id]
        listener.is_ready, listener.since, listener.first_memory_gb = True, now, memory_gb
        self._failed_starts = 0

    def on_answer(
        self, listener_id: int, heard: Heard | None, reason: str, now: float
    ) -> Iterator[ListenAction]:
        """It was heard, or could not be."""
        listener = self._listeners[listener_id]
        request, listener.request, listener.since = listener.request, None, now
        if request is not None and request.is_wanted:
            yield Answer(request.message.id, heard, reason)
        if listener.is_outdated or _has_grown(listener, heard):
            yield self._stop(listener)

    def on_exit(self, listener_id: int, reason: str, now: float) -> Iterator[ListenAction]:
        listener = self._listeners.pop(listener_id)
        if not listener.is_ready and not listener.is_outdated:
            self._failed_starts += 1
            self._start_fault = reason
            self._not_before = now + min(FIRST_PAUSE_S * 2 ** (self._failed_starts - 1), LONGEST_PAUSE_S)
        request = listener.request
        if request is None or not request.is_wanted:
            return
        if request.attempts < MAX_ATTEMPTS:
            self._queues.setdefault(request.job, deque()).appendleft(request)
            self._queues.move_to_end(request.job, last=False)
        else:
            yield Answer(request.message.id, None, f"the listener exited while it was heard ({reason})")

    def replace_all(self) -> Iterator[ListenAction]:
        """Another model is needed: listeners that are idle end now, the others when they have answered."""
        self._failed_starts, self._not_before = 0, 0.0
        for listener in self._serving():
            listener.is_outdated = True
            if listener.is_free:
                yield self._stop(listener)
            elif not listener.is_ready:
                listener.is_leaving = True
                yield KillListener(listener.id, "another recogniser is configured")

    # ---- what follows ------------------------------------------------------------------------------

    def decide(self, now: float) -> Iterator[ListenAction]:
        """Everything that is to be done now."""
        yield from self._overdue(now)
        yield from self._give_up(now)
        yield from self._stop_surplus()
        yield from self._send(now)
        yield from self._start(now)

    def next_deadline(self) -> float | None:
        """When `decide` has something to do though nothing happens; None: not before something happens."""
        deadlines = [_deadline(listener) for listener in self._listeners.values() if not listener.is_leaving]
        if self._queues and not self._listeners:
            deadlines.append(self._not_before)
        return min(deadlines, default=None)

    def _overdue(self, now: float) -> Iterator[ListenAction]:
        for listener in self._listeners.values():
            if listener.is_leaving or now < _deadline(listener):
                continue
            if listener.is_free:
                yield self._stop(listener)
            else:
                listener.is_leaving = True
                yield KillListener(listener.id, f"no answer within {now - listener.since:.0f} s")

    def _give_up(self, now: float) -> Iterator[ListenAction]:
        """Nobody can listen for now: no request waits for it."""
        if self._failed_starts < FAILED_STARTS or self._listeners or now >= self._not_before:
            return
        for queue in self._queues.values():
            for request in queue:
                yield Answer(request.message.id, None, f"no listener can be started: {self._start_fault}")
        self._queues.clear()

    def _send(self, now: float) -> Iterator[ListenAction]:
        for listener in self._listeners.values():
            if not self._queues:
                return
            if listener.is_free:
                request = self._next_request()
                request.attempts += 1
                listener.request, listener.since = request, now
                yield SendRequest(listener.id, request.message)

    def _next_request(self) -> _Request:
        """Of the job whose turn it is."""
        job, queue = self._queues.popitem(last=False)
        request = queue.popleft()
        if queue:
            self._queues[job] = queue
        return request

    def _stop_surplus(self) -> Iterator[ListenAction]:
        for listener in self._serving()[self.most :]:
            if listener.is_free:
                yield self._stop(listener)

    def _start(self, now: float) -> Iterator[ListenAction]:
        """As many as help; after a failed start one at a time."""
        num_serving = len(self._serving())
        most = min(self.most, 1) if self._failed_starts else self.most
        wanted = min(most, -(-(self.num_waiting + self.num_heard) // REQUESTS_EACH))
        if now < self._not_before:
            return
        for _ in range(num_serving, wanted):
            self._listeners[self._next_id] = _Listener(self._next_id, now)
            yield StartListener(self._next_id)
            self._next_id += 1

    def _serving(self) -> list[_Listener]:
        return [listener for listener in self._listeners.values() if not listener.is_leaving]

    def _stop(self, listener: _Listener) -> StopListener:
        listener.is_leaving = True
        return StopListener(listener.id)


def _deadline(listener: _Listener) -> float:
    if not listener.is_ready:
        return listener.since + START_LIMIT_S
    return listener.since + (IDLE_S if listener.request is None else listener.request.limit_s)


def _has_grown(listener: _Listener, heard: Heard | None) -> bool:
    """Does it hold much more memory than when it was ready?"""
    if heard is None or heard.memory_gb is None or listener.first_memory_gb is None:
        return False
    return heard.memory_gb > listener.first_memory_gb * MEMORY_GROWTH + MEMORY_SLACK_GB
