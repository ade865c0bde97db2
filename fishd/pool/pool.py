"""A pool of child processes, workers or listeners: starts them, carries messages, reports exits.

It decides nothing: messages and exits are posted to the daemon's mailbox. WorkerPool is the interface that
the daemon needs; `fishd.cluster.ray_pool` has the same one for workers on other machines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol

from fishd.core.sizing.model import Device
from fishd.pool.child import Child, describe_exit
from fishd.pool.program import M, Program
from fishd.wire.channel import BadFrame, EndOfStream
from fishd.wire.listen import LoadListener
from fishd.wire.messages import Load, Ready, ToWorker, WorkerFault

_log = logging.getLogger("fishd.worker")
EXIT_AFTER_FAULT_S = 10.0


@dataclass(frozen=True, slots=True)
class WorkerMessage(Generic[M]):
    """A message from a worker."""

    worker: int
    message: M


@dataclass(frozen=True, slots=True)
class WorkerExited:
    """A worker process is gone: `kind` and `needs_gb` as in events.WorkerGone."""

    worker: int
    kind: str
    reason: str
    needs_gb: float | None = None


class WorkerPool(Protocol):
    """The workers, wherever they run."""

    def start_on(self, device: Device, load: Load) -> None:
        """Start a worker. WorkerMessage(Ready) or WorkerExited follows; nothing follows a WorkerExited."""
        ...

    def send(self, worker: int, message: ToWorker) -> None:
        """Send a message; to a worker that is gone it is dropped."""
        ...

    def kill(self, worker: int, reason: str) -> None:
        """Kill a worker; WorkerExited follows, with this reason."""
        ...

    def pid(self, worker: int) -> int | None:
        """The worker's process id on its machine."""
        ...

    def close(self) -> None:
        """Release what is left when the last worker has exited."""
        ...


@dataclass(slots=True)
class _WorkerProcess(Generic[M]):
    """What is known of a worker from its start until its WorkerExited is posted."""

    child: Child[M] | None = None
    is_ready: bool = False
    kind: str = "ended"
    reason: str = ""  # from the worker itself, or from the wire
    kill_reason: str = ""  # why the daemon killed it
    last_line: str = ""
    needs_gb: float | None = None


class Pool(Generic[M]):
    """Owns every process of one program; a "worker" is any of them."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        program: Program[M],
        post: Callable[[WorkerMessage[M] | WorkerExited], None],
    ) -> None:
        self._group = group
        self._program = program
        self._post = post
        # The mutable state.
        self._processes: dict[int, _WorkerProcess[M]] = {}

    def start(self, load: Load | LoadListener, env: Mapping[str, str]) -> None:
        """Start a worker. WorkerMessage(Ready) or WorkerExited follows; nothing follows a WorkerExited."""
        self._processes[load.worker] = _WorkerProcess[M]()
        self._group.create_task(self._run(load, env), name=f"{self._program.label.lower()} {load.worker}")

    def start_on(self, device: Device, load: Load) -> None:
        """Start a worker on a device of this machine."""
        self.start(load, device.env)

    def close(self) -> None:
        """Its processes have exited: nothing is left to close."""

    def send(self, worker: int, message: object) -> None:
        """Send a message; to a worker that is gone it is dropped, for its WorkerExited is on the way."""
        process = self._processes.get(worker)
        if process is not None and process.child is not None:
            process.child.send(message)

    def kill(self, worker: int, reason: str) -> None:
        """Kill a worker and everything that it started; WorkerExited follows, with this reason."""
        process = self._processes.get(worker)
        if process is not None:
            process.kill_reason = reason
            if process.child is not None:
                process.child.kill()

    def pid(self, worker: int) -> int | None:
        process = self._processes.get(worker)
        return None if process is None or process.child is None else process.child.pid

    # ---- one worker --------------------------------------------------------------------------------

    async def _run(self, load: Load | LoadListener, env: Mapping[str, str]) -> None:
        """From start to reaping."""
        worker = load.worker
        process = self._processes[worker]
        try:
            process.child = child = await Child[M].start(
                self._program, env, lambda line: self._log_line(worker, process, line)
            )
        except OSError as error:
            del self._processes[worker]
            reason = process.kill_reason or f"the process cannot be started: {error}"
            self._post(WorkerExited(worker, "load", reason))
            return
        if process.kill_reason:
            child.kill()
        child.send(load)
        status = await self._receive_until_exit(worker, process, child)
        del self._processes[worker]
        self._post(WorkerExited(worker, process.kind, _exit_reason(process, status), process.needs_gb))

    async def _receive_until_exit(self, worker: int, process: _WorkerProcess[M], child: Child[M]) -> int:
        """Receive until the process has exited, and leave nothing of it behind; its exit status."""
        exited = asyncio.create_task(child.exited(), name=f"exit of worker {worker}")
        try:
            await self._receive_all(worker, process, child)
        except BaseException:  # also when the daemon crashes: no process outlives it
            child.kill()
            raise
        finally:
            exited.cancel()
            status = await child.reap()
        return status

    async def _receive_all(self, worker: int, process: _WorkerProcess[M], child: Child[M]) -> None:
        """Handle messages until the stream ends."""
        try:
            while not process.reason:
                self._handle(worker, process, await child.receive())
            async with asyncio.timeout(EXIT_AFTER_FAULT_S):
                while True:
                    self._handle(worker, process, await child.receive())
        except EndOfStream:
            return
        except TimeoutError:  # it has reported its fault, and hangs while it exits
            child.kill()
        except BadFrame as error:
            process.kind, process.reason = "wire", f"it sent an invalid message: {error}"
            child.kill()

    def _handle(self, worker: int, process: _WorkerProcess[M], message: M) -> None:
        if isinstance(message, WorkerFault):
            process.kind, process.reason = message.kind, message.reason or message.kind
            process.needs_gb = message.needs_gb
            for line in message.traceback.splitlines():
                _log.debug("[%s %d] %s", self._program.label, worker, line, extra={"worker": worker})
            return
        if isinstance(message, Ready) == process.is_ready:
            raise BadFrame(f"{type(message).__name__} {'again' if process.is_ready else 'before Ready'}")
        process.is_ready = True
        self._post(WorkerMessage(worker, message))

    def _log_line(self, worker: int, process: _WorkerProcess[M], line: str) -> None:
        process.last_line = line
        _log.info("[%s %d] %s", self._program.label, worker, line, extra={"worker": worker})


def _exit_reason(process: _WorkerProcess[M], status: int) -> str:
    """The daemon's own reason first, then the worker's, then what the exit status says."""
    if process.kill_reason or process.reason:
        return process.kill_reason or process.reason
    last = f"; it last printed: {process.last_line}" if process.last_line and status else ""
    return f"{describe_exit(status)}{last}"
