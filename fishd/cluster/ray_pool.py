"""The pool of workers on a Ray cluster: the same interface as fishd.pool's, by one driver process.

Ray is imported by the driver only. A driver that dies takes its workers with it, and nothing else: the next
search for nodes starts another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fishd.cluster.translate import with_absolute_checkpoint
from fishd.core.config.config import Config
from fishd.core.dispatch.devices import NODE_LOST
from fishd.core.sizing.model import DetectedNodes, Device, is_cpu
from fishd.pool.child import Child, describe_exit
from fishd.pool.pool import WorkerExited, WorkerMessage
from fishd.pool.program import Program
from fishd.wire.channel import BadFrame, EndOfStream
from fishd.wire.cluster import (
    ActorExited,
    ActorLine,
    ActorStarted,
    DriverFault,
    FindNodes,
    FromDriver,
    KillActor,
    NodesFound,
    Relay,
    Relayed,
    StartActor,
)
from fishd.wire.messages import FromWorker, Load, ToWorker

DRIVER: Program[FromDriver] = Program("fishd.cluster.driver", "Ray", FromDriver)
FIND_S = 90.0  # to connect, and to probe every node
_log = logging.getLogger("fishd.worker")
_ENVIRON = {"RAY_USAGE_STATS_ENABLED": "0"}


async def find_nodes(config: Config) -> DetectedNodes:
    """The nodes that a command sees; it starts no worker."""
    async with asyncio.TaskGroup() as group:
        pool = RayPool(group, config.ray.address, lambda _: None)
        found = await pool.find_nodes(config)
        pool.close()
    return found


class RayPool:
    """Owns the driver process; `post` gets what the workers of fishd.pool post too."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        address: str,
        post: Callable[[WorkerMessage[FromWorker] | WorkerExited], None],
    ) -> None:
        self._group = group
        self._address = address
        self._post = post
        # The mutable state.
        self._driver: Child[FromDriver] | None = None
        self._workers: dict[int, int | None] = {}  # pids, once known, by number
        self._kill_reasons: dict[int, str] = {}
        self._found: asyncio.Future[DetectedNodes] | None = None
        self._finding = asyncio.Lock()
        self._last_line = ""
        self._fault = ""  # the driver's own

    # ---- nodes -------------------------------------------------------------------------------------

    async def find_nodes(self, config: Config) -> DetectedNodes:
        """The nodes that can be used now; without a connection there are none, and a fault that says why."""
        checkpoint = config.engine.checkpoint
        async with self._finding:
            self._found = asyncio.get_running_loop().create_future()
            try:
                driver = self._driver or await self._start_driver()
                driver.send(FindNodes(str(checkpoint.absolute()) if checkpoint else ""))
                async with asyncio.timeout(FIND_S):
                    return await self._found
            except TimeoutError:
                if self._driver is not None:
                    self._driver.kill()
                return DetectedNodes(
                    (), (f"the Ray cluster does not answer within {FIND_S:g} s: `ray status`",)
                )
            except OSError as error:
                return DetectedNodes((), (f"the Ray driver cannot be started: {error}",))
            finally:
                self._found = None

    # ---- workers -----------------------------------------------------------------------------------

    def start_on(self, device: Device, load: Load) -> None:
        """Start a worker on a device of a node. WorkerMessage(Ready) or WorkerExited follows."""
        self._workers[load.worker] = None
        if self._driver is None:
            self._post_exit(WorkerExited(load.worker, NODE_LOST, "there is no connection to the Ray cluster"))
            return
        on_gpu = not is_cpu(device.id)
        load = with_absolute_checkpoint(load, Path.cwd())
        self._driver.send(StartActor(device.node, device.share, on_gpu, dict(device.env), load))

    def send(self, worker: int, message: ToWorker) -> None:
        """Send a message; to a worker that is gone it is dropped, for its WorkerExited is on the way."""
        if worker in self._workers and self._driver is not None:
            self._driver.send(Relay(worker, message))

    def kill(self, worker: int, reason: str) -> None:
        """Kill a worker; WorkerExited follows, with this reason."""
        if worker in self._workers and self._driver is not None:
            self._kill_reasons[worker] = reason
            self._driver.send(KillActor(worker))

    def pid(self, worker: int) -> int | None:
        """The worker's process id on its node."""
        return self._workers.get(worker)

    def close(self) -> None:
        """End the driver, and with it every actor."""
        if self._driver is not None:
            self._driver.close()

    # ---- the driver --------------------------------------------------------------------------------

    async def _start_driver(self) -> Child[FromDriver]:
        """Raises OSError."""
        self._fault = self._last_line = ""
        env = {**_ENVIRON, "FISHD_RAY_ADDRESS": self._address}
        self._driver = await Child[FromDriver].start(DRIVER, env, self._on_line)
        self._group.create_task(self._serve(self._driver), name="Ray driver")
        return self._driver

    async def _serve(self, driver: Child[FromDriver]) -> None:
        """Until the driver has exited, and its workers with it."""
        exited = asyncio.create_task(driver.exited(), name="exit of the Ray driver")
        try:
            with suppress(EndOfStream):
                while True:
                    self._handle(await driver.receive())
        except BadFrame as error:
            self._fault = f"the Ray driver sent an invalid message: {error}"
            driver.kill()
        except BaseException:
            driver.kill()
            raise
        finally:
            exited.cancel()
            status = await driver.reap()
            self._driver = None
        self._on_driver_exit(status)

    def _on_driver_exit(self, status: int) -> None:
        last = f"; it last printed: {self._last_line}" if self._last_line else ""
        reason = self._fault or f"the connection to the Ray cluster was lost: {describe_exit(status)}{last}"
        if self._found is not None and not self._found.done():
            self._found.set_result(DetectedNodes((), (reason,)))
        for worker in tuple(self._workers):
            self._post_exit(WorkerExited(worker, NODE_LOST, reason))

    def _handle(self, message: FromDriver) -> None:
        match message:
            case NodesFound():
                if self._found is not None and not self._found.done():
                    self._found.set_result(DetectedNodes(message.nodes, message.faults))
            case ActorStarted():
                self._workers[message.worker] = message.pid
            case Relayed():
                self._post(WorkerMessage(message.worker, message.message))
            case ActorLine():
                _log.info("[Worker %d] %s", message.worker, message.line, extra={"worker": message.worker})
            case ActorExited():
                exited = WorkerExited(message.worker, message.kind, message.reason, message.needs_gb)
                self._post_exit(exited)
            case DriverFault():
                self._fault = message.reason

    def _post_exit(self, exited: WorkerExited) -> None:
        """The daemon's own reason first."""
        del self._workers[exited.worker]
        reason = self._kill_reasons.pop(exited.worker, "") or exited.reason
        self._post(WorkerExited(exited.worker, exited.kind, reason, exited.needs_gb))

    def _on_line(self, line: str) -> None:
        self._last_line = line
        _log.info("[Ray] %s", line)
