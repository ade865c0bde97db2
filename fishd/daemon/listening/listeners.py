"""The listener processes: carries out what the schedule decides, and hands answers on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import assert_never

from fishd.daemon.listening.schedule import (
    Answer,
    KillListener,
    ListenAction,
    ListenerSchedule,
    SendRequest,
    StartListener,
    StopListener,
)
from fishd.host.cores import usable_cores
from fishd.pool.pool import Pool, WorkerExited, WorkerMessage
from fishd.pool.program import LISTENER
from fishd.wire.listen import FromListener, Heard, Listen, ListenError, LoadListener
from fishd.wire.messages import Ready, Stop, WorkerFault

_log = logging.getLogger("fishd.listener")
CORES_EACH = 4  # of the machine's: speaking comes first
LIMIT_S, LIMIT_PER_SECOND = 60.0, 20.0  # to hear a clip: a large model on a busy machine


def most_listeners() -> int:
    return max(1, usable_cores() // CORES_EACH)


class Listeners:
    """Owns the listener processes. `post` gets an Answer for every request, unless its job is forgotten."""

    def __init__(
        self, group: asyncio.TaskGroup, recogniser: Path | None, post: Callable[[Answer], None]
    ) -> None:
        """To be called in a running loop; `group` is for the processes' tasks."""
        self._post = post
        self._loop = asyncio.get_running_loop()
        # The mutable state.
        self.recogniser = recogniser
        self._schedule = ListenerSchedule(most_listeners())
        self._pool = Pool(group, LISTENER, self._receive)
        self._timer: asyncio.TimerHandle | None = None
        self._has_stopped = False

    @property
    def num_waiting(self) -> int:
        """Takes that wait to be heard, or are being heard."""
        return self._schedule.num_waiting + self._schedule.num_heard

    def ask(self, request: Listen, job: str, duration_s: float) -> None:
        """Have a clip of this length heard."""
        self._schedule.add(request, job, LIMIT_S + LIMIT_PER_SECOND * duration_s)
        self._decide()

    def forget(self, job: str) -> None:
        """The job is cancelled."""
        self._schedule.forget(job)

    def adopt(self, recogniser: Path | None) -> None:
        """Listen with another model: listeners with the former one end."""
        if recogniser != self.recogniser:
            self.recogniser = recogniser
            self._execute(self._schedule.replace_all())
            self._decide()

    def stop(self) -> None:
        """Kill every listener; what was not heard is not answered."""
        self._has_stopped = True
        for listener in self._schedule.listeners:
            self._pool.kill(listener, "the daemon stops")

    def _receive(self, received: WorkerMessage[FromListener] | WorkerExited) -> None:
        if self._has_stopped:
            return
        now, listener = self._loop.time(), received.worker
        if isinstance(received, WorkerExited):
            _log.info("[Listener %d] gone: %s", listener, received.reason)
            self._execute(self._schedule.on_exit(listener, received.reason, now))
        else:
            match received.message:
                case Ready() as ready:
                    _log.info("[Listener %d] ready in %.1f s", listener, ready.load_s)
                    for note in ready.notes:
                        _log.info("[Listener %d] %s", listener, note)
                    self._schedule.on_ready(listener, ready.memory_gb, now)
                case Heard() as heard:
                    self._execute(self._schedule.on_answer(listener, heard, "", now))
                case ListenError(_, reason):
                    self._execute(self._schedule.on_answer(listener, None, reason, now))
                case WorkerFault():
                    pass  # the reason of the exit
        self._decide()

    def _decide(self) -> None:
        if self._has_stopped:
            return
        self._execute(self._schedule.decide(self._loop.time()))
        deadline = self._schedule.next_deadline()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._decide)

    def _execute(self, actions: Iterable[ListenAction]) -> None:
        for action in list(actions):
            match action:
                case StartListener(listener):
                    self._pool.start(LoadListener(listener, str(self.recogniser or "")), {})
                case SendRequest(listener, request):
                    self._pool.send(listener, request)
                case StopListener(listener):
                    self._pool.send(listener, Stop())
                case KillListener(listener, reason):
                    _log.warning("[Listener %d] killed: %s", listener, reason)
                    self._pool.kill(listener, reason)
                case Answer():
                    self._post(action)
                case _:  # pragma: no cover - pyright proves it is never reached
                    assert_never(action)
