"""One worker on a node: its actor, what goes to it and what comes from it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from fishd.cluster.driver.clips import BadClipContent, ClipFetcher
from fishd.cluster.driver.nodes import on_node
from fishd.cluster.driver.references import ReferenceObjects
from fishd.cluster.node.actor import Batch, WorkerActor
from fishd.cluster.translate import file_name, references, with_clip, with_references
from fishd.core.dispatch.devices import NODE_LOST
from fishd.wire.cluster import ActorExited, ActorLine, ActorStarted, FromDriver, Relayed, StartActor
from fishd.wire.messages import (
    ClipWritten,
    FromWorker,
    Inspect,
    Inspected,
    Progress,
    Speak,
    TakeError,
    ToWorker,
)

MAX_BATCH = 64  # messages in one call
FULL_PAUSE_S = 2.0
PLACE_S = 20.0  # an actor that is not placed by then waits for other jobs of the cluster
_WAITS = "waits until Ray places it on node {}: other jobs of the cluster hold its GPUs or CPUs, `ray status`"
_GUESSES = " Some common causes"  # of Ray's, at the end of a message


class NodeFault(Exception):  # noqa: N818 - named like the other faults
    """The actor raised, or a transfer went wrong."""


class RemoteWorker:
    """`run` reports everything by `post`, ActorExited last."""

    def __init__(
        self,
        ray: Any,
        order: StartActor,
        node_id: str,
        *,
        objects: ReferenceObjects,
        clips: ClipFetcher,
        post: Callable[[FromDriver], None],
    ) -> None:
        self._ray = ray
        self._order = order
        self._worker = order.load.worker
        self._objects = objects
        self._clips = clips
        self._post = post
        self.node_id = node_id
        # The mutable state.
        self.pid = 0
        self._actor: Any = None
        self._is_killed = False
        self._node_fault = ""
        self._outgoing: list[ToWorker] = []
        self._has_outgoing = asyncio.Event()
        self._paths: dict[str, Path] = {}  # of clips, by take
        self._fetching: set[asyncio.Task[None]] = set()
        self._fetched: list[str] = []  # takes of which the node may remove the clip
        self._errno = 0  # why clips are unwritten
        self._progress = Progress(0)  # the last one

    def send(self, message: ToWorker) -> None:
        self._outgoing.append(message)
        self._has_outgoing.set()

    async def kill(self) -> None:
        self._is_killed = True
        if self._actor is not None:
            await asyncio.to_thread(self._ray.kill, self._actor)

    async def run(self) -> None:
        exited = ActorExited(self._worker, NODE_LOST, "")
        try:
            async with asyncio.TaskGroup() as group:
                exited = await self._work(group)
        except* (NodeFault, self._ray.exceptions.RayError) as errors:
            reason = self._node_fault or self._explain(errors.exceptions[0])
            exited = msgspec.structs.replace(exited, reason=reason)
        if self._actor is not None:
            await asyncio.to_thread(self._ray.kill, self._actor)
        self._post(exited)

    async def _work(self, group: asyncio.TaskGroup) -> ActorExited:
        """Raises RayError."""
        self._actor = await asyncio.to_thread(self._create)
        if self._is_killed:
            await self.kill()
        started = asyncio.ensure_future(
            self._call(self._actor.start.remote(msgspec.msgpack.encode(self._order.load), self._order.env))
        )
        if not (await asyncio.wait({started}, timeout=PLACE_S))[0]:
            self._post(ActorLine(self._worker, _WAITS.format(self._order.node)))
        await started
        sender = group.create_task(self._send_all())
        exited = await self._receive_all(group)
        sender.cancel()
        await self._actor.close.remote()
        return exited

    def _create(self) -> Any:
        """Ray places it on the node when what it accounts for is free there."""
        order = self._order
        share = {"num_gpus" if order.on_gpu else "num_cpus": order.share}
        strategy = on_node(self._ray, self.node_id)
        placed = {"num_cpus": 0, **share, "scheduling_strategy": strategy}
        return self._ray.remote(WorkerActor).options(max_restarts=0, max_task_retries=0, **placed).remote()

    def _explain(self, error: BaseException) -> str:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        is_silent = isinstance(error, self._ray.exceptions.ActorUnavailableError) or not lines
        why = "the node, its actor or the connection broke" if is_silent else lines[-1].partition(_GUESSES)[0]
        return f"lost on node {self._order.node}: {why}"

    # ---- to the worker -----------------------------------------------------------------------------

    async def _send_all(self) -> None:
        """One call at a time, which keeps the order; what waits meanwhile goes together."""
        while True:
            await self._has_outgoing.wait()
            batch, self._outgoing = self._outgoing[:MAX_BATCH], self._outgoing[MAX_BATCH:]
            if not self._outgoing:
                self._has_outgoing.clear()
            try:
                await self._send_patiently(batch)
            except NodeFault as fault:
                self._node_fault = f"node {self._order.node}: {fault}"
                await self.kill()
                return
            except self._ray.exceptions.RayActorError:
                return  # the receiving side reports it

    async def _send_patiently(self, batch: list[ToWorker]) -> None:
        """Try again while the object store is full. Raises NodeFault and RayActorError."""
        while True:
            try:
                await self._send(batch)
            except OSError as error:
                self._report_errno(error.errno or errno.ENOSPC)
                await asyncio.sleep(FULL_PAUSE_S)
            else:
                break
        if self._errno and not self._fetching:
            self._report_errno(0)

    async def _send(self, batch: list[ToWorker]) -> None:
        ready = [message for each in batch if (message := await self._translate(each)) is not None]
        while lacking := await self._call(self._actor.send.remote(msgspec.msgpack.encode(ready))):
            for name in lacking:
                try:
                    chunks = list(await self._call(self._objects.chunks(name)))
                except FileNotFoundError as error:
                    for message in [message for message in ready if name in references(message)]:
                        ready.remove(message)
                        self._answer_unreadable(message, error)
                else:
                    await self._call(self._actor.store.remote(name, chunks))

    async def _translate(self, message: ToWorker) -> ToWorker | None:
        """The message as it travels; None if its reference cannot be read, which is then answered here."""
        try:
            names = {path: await self._objects.name(path) for path in references(message)}
        except OSError as error:
            self._answer_unreadable(message, error)
            return None
        if isinstance(message, Speak):
            self._paths[message.take] = Path(message.clip)
        return with_clip(with_references(message, names.__getitem__), file_name)

    def _answer_unreadable(self, message: ToWorker, error: OSError) -> None:
        reason = error.strerror or str(error)
        if isinstance(message, Speak):
            answer = TakeError(message.take, f"a reference clip cannot be opened: {reason}", retry=True)
            self._post(Relayed(self._worker, answer))
        elif isinstance(message, Inspect):
            self._post(Relayed(self._worker, Inspected(message.id, 0.0, fault=f"cannot be opened: {reason}")))

    async def _call(self, answer: Any) -> Any:
        """Raises RayActorError if the actor is gone, OSError if the object store is full, else NodeFault."""
        errors = self._ray.exceptions
        try:
            return await answer
        except errors.RayActorError:
            raise
        except errors.RayError as error:
            cause = error.cause if isinstance(error, errors.RayTaskError) else error
            if isinstance(cause, (errors.ObjectStoreFullError, errors.OutOfDiskError)):
                raise OSError(errno.ENOSPC, "Ray's object store is full") from error
            raise NodeFault(str(cause)) from error

    # ---- from the worker ---------------------------------------------------------------------------

    async def _receive_all(self, group: asyncio.TaskGroup) -> ActorExited:
        """Until the process has exited and its clips are here. Raises RayError."""
        while True:
            fetched, self._fetched = self._fetched, []
            batch = msgspec.msgpack.decode(await self._actor.receive.remote(fetched), type=Batch)
            if batch.pid and not self.pid:
                self.pid = batch.pid
                self._post(ActorStarted(self._worker, batch.pid))
            for line in batch.lines:
                self._post(ActorLine(self._worker, line))
            for message in batch.messages:
                self._receive(message, group)
            if batch.exited is not None:
                if self._fetching:
                    await asyncio.wait(self._fetching)
                return ActorExited(self._worker, *batch.exited)

    def _receive(self, message: FromWorker, group: asyncio.TaskGroup) -> None:
        match message:
            case ClipWritten():
                task = group.create_task(self._fetch(message))
                self._fetching.add(task)
                task.add_done_callback(self._fetching.discard)
                return
            case TakeError():
                self._paths.pop(message.take, None)
            case Progress():
                self._progress = message
                message = msgspec.structs.replace(message, errno=self._errno or message.errno)
            case _:
                pass
        self._post(Relayed(self._worker, message))

    async def _fetch(self, clip: ClipWritten) -> None:
        """The clip counts when it is here."""
        path = self._paths.pop(clip.take, None)
        if path is None:
            return  # of no take that is in flight here
        try:
            await self._clips.fetch(self._read, clip, path, self._report_errno)
            answer = clip
        except (BadClipContent, NodeFault, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            answer = TakeError(clip.take, f"the clip did not arrive: {reason}", retry=True)
        except self._ray.exceptions.RayActorError:
            return  # the receiving side reports it
        if self._errno:
            self._report_errno(0)
        self._fetched.append(clip.take)
        self._post(Relayed(self._worker, answer))

    async def _read(self, take: str, offset: int, size_bytes: int) -> bytes:
        return await self._call(self._actor.read_clip.remote(take, offset, size_bytes))

    def _report_errno(self, code: int) -> None:
        self._errno = code
        progress = msgspec.structs.replace(self._progress, errno=code or self._progress.errno)
        self._post(Relayed(self._worker, progress))
