"""The driver's main loop: messages of the daemon in, messages of nodes and workers out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from fishd.cluster.driver.clips import ClipFetcher
from fishd.cluster.driver.nodes import Nodes
from fishd.cluster.driver.references import ReferenceObjects
from fishd.cluster.driver.remote_worker import RemoteWorker
from fishd.core.dispatch.devices import NODE_LOST
from fishd.wire.channel import AsyncChannel, EndOfStream
from fishd.wire.cluster import (
    ActorExited,
    FindNodes,
    KillActor,
    NodesFound,
    Relay,
    StartActor,
    ToDriver,
)

Spawn = Callable[[Coroutine[None, None, None]], object]


class Driver:
    """All workers of one daemon."""

    def __init__(self, ray: Any, wire: socket.socket) -> None:
        """To be created in a running loop."""
        self._ray = ray
        self._channel: AsyncChannel[ToDriver] = AsyncChannel(wire, ToDriver)
        self._nodes = Nodes(ray, self._pids_on)
        self._objects = ReferenceObjects(ray.put)
        self._clips = ClipFetcher()
        # The mutable state.
        self._workers: dict[int, RemoteWorker] = {}

    async def run(self) -> None:
        """Until the daemon closes the stream. An unexpected error ends it: the daemon starts another one."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._handle(await self._channel.receive(), group.create_task)
        except* EndOfStream:
            pass

    def _handle(self, message: ToDriver, spawn: Spawn) -> None:
        match message:
            case FindNodes():
                spawn(self._find_nodes(message.checkpoint))
            case StartActor():
                self._start(message, spawn)
            case Relay():
                if worker := self._workers.get(message.worker):
                    worker.send(message.message)
            case KillActor():
                if worker := self._workers.get(message.worker):
                    spawn(worker.kill())
            case _:  # pragma: no cover - pyright proves it is never reached
                assert_never(message)

    async def _find_nodes(self, checkpoint: str) -> None:
        try:
            found = await self._nodes.find(checkpoint)
        except self._ray.exceptions.RayError as error:
            found = NodesFound((), (f"the nodes cannot be listed: {error}",))
        self._channel.send(found)

    def _start(self, order: StartActor, spawn: Spawn) -> None:
        number, node_id = order.load.worker, self._nodes.ids.get(order.node)
        if node_id is None:
            self._channel.send(ActorExited(number, NODE_LOST, f"node {order.node} is not there"))
            return
        worker = RemoteWorker(
            self._ray, order, node_id, objects=self._objects, clips=self._clips, post=self._channel.send
        )
        self._workers[number] = worker
        spawn(self._run(number, worker))

    async def _run(self, number: int, worker: RemoteWorker) -> None:
        try:
            await worker.run()
        finally:
            del self._workers[number]

    def _pids_on(self, node_id: str) -> tuple[int, ...]:
        return tuple(
            worker.pid for worker in self._workers.values() if worker.node_id == node_id and worker.pid
        )
