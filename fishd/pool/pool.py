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

from fishd.pool.child import Child, in_words
from fishd.wire.channel import BadFrame, EndOfStream
from fishd.wire.messages import Fault, FromWorker, Load

_log = logging.getLogger("fishd.worker")


@dataclass(frozen=True, slots=True)
class Heard:
    """A worker has said something."""

    worker: int
    message: FromWorker


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker process is gone: `kind` as in events.WorkerGone."""

    worker: int
    kind: str
    reason: str


class Pool:
    """Owns every worker process of the daemon."""

    def __init__(self, group: asyncio.TaskGroup, post: Callable[[Heard | Ended], None]) -> None:
        self._group = group
        self._post = post
        # The mutable state: live children by worker, and why the daemon had one killed.
        self._children: dict[int, Child] = {}
        self._killed: dict[int, str] = {}

    def start(self, load: Load, env: Mapping[str, str]) -> None:
        """Start a worker; Heard(Ready) or Ended follows."""
        self._group.create_task(self._run(load, env), name=f"worker {load.worker}")

    def send(self, worker: int, message: object) -> None:
        """A message to a worker that is gone is dropped: its Ended is on the way."""
        child = self._children.get(worker)
        if child is not None:
            child.send(message)

    def kill(self, worker: int, reason: str) -> None:
        self._killed[worker] = reason
        child = self._children.get(worker)
        if child is not None:
            child.kill()

    def pid(self, worker: int) -> int | None:
        child = self._children.get(worker)
        return None if child is None else child.pid

    async def _run(self, load: Load, env: Mapping[str, str]) -> None:
        """One worker's life, from start to reaping."""
        worker = load.worker
        try:
            child = await Child.start(env)
        except OSError as error:
            self._post(Ended(worker, "load", f"the process cannot be started: {error}"))
            return
        self._children[worker] = child
        if worker in self._killed:
            child.kill()
        child.send(load)
        async with asyncio.TaskGroup() as life:
            output = life.create_task(child.read_output(lambda text: self._printed(worker, text)))
            try:
                kind, reason = await self._listen(worker, child)
            except asyncio.CancelledError:
                child.kill()
                await child.reap()
                raise
            status = await child.reap()
            del self._children[worker]
            await self._finish_output(output)
        self._post(Ended(worker, kind, self._killed.pop(worker, reason or f"ended with {in_words(status)}")))

    async def _listen(self, worker: int, child: Child) -> tuple[str, str]:
        """Post what the worker says until it says no more; then the kind of its end, and why if it said so."""
        kind, reason = "ended", ""
        while True:
            try:
                message = await child.receive()
            except EndOfStream:
                return kind, reason
            except BadFrame as error:
                child.kill()
                return "wire", f"it sent what is no message: {error}"
            if isinstance(message, Fault):
                kind, reason = message.kind, message.reason
                self._say_traceback(worker, message)
            else:
                self._post(Heard(worker, message))

    @staticmethod
    async def _finish_output(output: asyncio.Task[None]) -> None:
        """A grandchild may hold the pipe open: what is printed later is not waited for."""
        await asyncio.wait({output}, timeout=1.0)
        output.cancel()

    @staticmethod
    def _printed(worker: int, text: str) -> None:
        _log.info("[Worker %d] %s", worker, text, extra={"worker": worker})

    @staticmethod
    def _say_traceback(worker: int, fault: Fault) -> None:
        for line in fault.traceback.splitlines():
            _log.debug("[Worker %d] %s", worker, line, extra={"worker": worker})
