"""The worker processes: starts them, carries messages, and says when one is gone.

It decides nothing: what it hears and what ends is posted to the daemon's mailbox. The interface is small
(start, send, kill) and knows no local process outside `child.py`, so that the same messages could go to
workers on other machines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fishd.pool.child import Child, describe_exit
from fishd.wire.channel import BadFrame, EndOfStream
from fishd.wire.messages import FromWorker, Load, Ready, WorkerFault

_log = logging.getLogger("fishd.worker")
END_AFTER_FAULT_S = 10.0


@dataclass(frozen=True, slots=True)
class WorkerMessage:
    """A worker has said something."""

    worker: int
    message: FromWorker


@dataclass(frozen=True, slots=True)
class WorkerExited:
    """A worker process is gone: `kind` and `needs_gb` as in events.WorkerGone."""

    worker: int
    kind: str
    reason: str
    needs_gb: float | None = None


@dataclass(slots=True)
class _WorkerProcess:
    """What is known of a worker from its start until its Ended is posted."""

    child: Child | None = None
    is_ready: bool = False
    kind: str = "ended"
    reason: str = ""  # as the worker said it, or as the wire showed it
    killed: str = ""  # why the daemon had it killed
    last_line: str = ""
    needs_gb: float | None = None


class Pool:
    """Owns every worker process of the daemon."""

    def __init__(
        self, group: asyncio.TaskGroup, post: Callable[[WorkerMessage | WorkerExited], None]
    ) -> None:
        self._group = group
        self._post = post
        # The mutable state.
        self._lives: dict[int, _WorkerProcess] = {}

    def start(self, load: Load, env: Mapping[str, str]) -> None:
        """Start a worker; Heard(Ready) or Ended follows, and after an Ended nothing more."""
        self._lives[load.worker] = _WorkerProcess()
        self._group.create_task(self._run(load, env), name=f"worker {load.worker}")

    def send(self, worker: int, message: object) -> None:
        """A message to a worker that is gone is dropped: its Ended is on the way."""
        life = self._lives.get(worker)
        if life is not None and life.child is not None:
            life.child.send(message)

    def kill(self, worker: int, reason: str) -> None:
        """It and all that it started; Ended follows, with this reason."""
        life = self._lives.get(worker)
        if life is not None:
            life.killed = reason
            if life.child is not None:
                life.child.kill()

    def pid(self, worker: int) -> int | None:
        life = self._lives.get(worker)
        return None if life is None or life.child is None else life.child.pid

    # ---- one worker's life -------------------------------------------------------------------------

    async def _run(self, load: Load, env: Mapping[str, str]) -> None:
        """From start to reaping."""
        worker = load.worker
        life = self._lives[worker]
        try:
            life.child = child = await Child.start(env, lambda text: _printed(worker, life, text))
        except OSError as error:
            del self._lives[worker]
            reason = life.killed or f"the process cannot be started: {error}"
            self._post(WorkerExited(worker, "load", reason))
            return
        if life.killed:
            child.kill()
        child.send(load)
        status = await self._follow(worker, life, child)
        del self._lives[worker]
        self._post(WorkerExited(worker, life.kind, _why(life, status), life.needs_gb))

    async def _follow(self, worker: int, life: _WorkerProcess, child: Child) -> int:
        """Listen and read until the process has ended, and leave nothing of it behind; its exit status."""
        ending = asyncio.create_task(child.ended(), name=f"end of worker {worker}")
        try:
            await self._listen(worker, life, child)
        except BaseException:  # also when the daemon ends in disorder: no process outlives it
            child.kill()
            raise
        finally:
            ending.cancel()
            status = await child.reap()
        return status

    async def _listen(self, worker: int, life: _WorkerProcess, child: Child) -> None:
        """Post what the worker says until it says no more."""
        try:
            while not life.reason:
                self._take_in(worker, life, await child.receive())
            async with asyncio.timeout(END_AFTER_FAULT_S):
                while True:
                    self._take_in(worker, life, await child.receive())
        except EndOfStream:
            return
        except TimeoutError:  # it has told its fault and hangs in its own ending
            child.kill()
        except BadFrame as error:
            life.kind, life.reason = "wire", f"it sent what is no message: {error}"
            child.kill()

    def _take_in(self, worker: int, life: _WorkerProcess, message: FromWorker) -> None:
        if isinstance(message, WorkerFault):
            life.kind, life.reason = message.kind, message.reason or message.kind
            life.needs_gb = message.needs_gb
            for line in message.traceback.splitlines():
                _log.debug("[Worker %d] %s", worker, line, extra={"worker": worker})
            return
        if isinstance(message, Ready) == life.is_ready:
            raise BadFrame(f"{type(message).__name__} {'again' if life.is_ready else 'before Ready'}")
        life.is_ready = True
        self._post(WorkerMessage(worker, message))


def _printed(worker: int, life: _WorkerProcess, text: str) -> None:
    life.last_line = text
    _log.info("[Worker %d] %s", worker, text, extra={"worker": worker})


def _why(life: _WorkerProcess, status: int) -> str:
    """Why a worker is gone: the daemon's own doing first, then its own words, then what can be seen."""
    if life.killed or life.reason:
        return life.killed or life.reason
    last = f"; it last printed: {life.last_line}" if life.last_line and status else ""
    return f"{describe_exit(status)}{last}"
