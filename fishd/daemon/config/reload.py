"""The configuration in force, and how a new one replaces it while the daemon runs.

Reading the file and detecting the GPUs happens in a thread; the outcome goes into the mailbox, whose task
adopts it as a whole or not at all. A bad file changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishd.core.config.config import BadConfig, Config
from fishd.core.sizing.model import DetectedNodes, Gpu, Node
from fishd.core.text.timestamps import rfc3339
from fishd.daemon.mailbox import ConfigRead, GpusChanged
from fishd.daemon.pool_plan import Deployment, plan_deployment
from fishd.host.gpus import DetectedGpus, detect_gpus
from fishd.host.nvml import Nvml

_log = logging.getLogger("fishd.main")


@dataclass(frozen=True, slots=True)
class Environment:
    """The daemon's surroundings; tests pass their own. `reload` raises BadConfig."""

    nvml: Nvml
    environ: Mapping[str, str]
    reload: Callable[[], Config]
    now: Callable[[], float] = time.time


class ConfigReloader:
    """Owns the configuration in force and the last deployment that was planned from one.

    `our_pids` are the worker processes, whose GPU memory counts as free. `detect_nodes` finds the nodes of a
    cluster, if workers run on one.
    """

    def __init__(
        self,
        config: Config,
        environment: Environment,
        cache: Path,
        our_pids: Callable[[], list[int]],
        post: Callable[[ConfigRead | GpusChanged], None],
        *,
        detect_nodes: Callable[[Config], Awaitable[DetectedNodes]] | None = None,
    ) -> None:
        self._environment = environment
        self._cache = cache
        self._our_pids = our_pids
        self._post = post
        self._detect_nodes = detect_nodes
        # The mutable state.
        self.config = config
        self.gpus: Sequence[Gpu] = ()  # as last detected
        self._planned: Deployment | None = None  # the base of the next plan
        self._adopted: Deployment | None = None  # another one than planned while an outcome is on its way
        self._requests: asyncio.Queue[None] = asyncio.Queue()
        self._busy = asyncio.Lock()
        self._nvml_fault = ""  # why NVML does not answer, while it does not

    async def plan_initial(self) -> Deployment:
        deployment = await self._plan(self.config)
        self._planned = self._adopted = deployment
        self.gpus = deployment.gpus
        return deployment

    def request(self) -> None:
        """Read the file once more; every request gets its own outcome."""
        self._requests.put_nowait(None)

    async def run(self) -> None:
        """Serve requests one after another, until cancelled: the last one asked for is adopted last."""
        while True:
            await self._requests.get()
            await self._reload()

    async def _reload(self) -> None:
        async with self._busy:
            read_at = rfc3339(self._environment.now())
            try:
                config = await asyncio.to_thread(self._environment.reload)
            except BadConfig as fault:
                self._post(ConfigRead(fault, read_at))
                return
            self._planned = await self._plan(config)
            self._post(ConfigRead((config, self._planned), read_at))

    async def check_gpus(self) -> None:
        """Plan again if the GPUs, or the nodes, are not those of the plan in force."""
        async with self._busy:
            planned = self._planned
            if planned is None or planned is not self._adopted:
                return  # a reload that is not adopted yet has just detected them
            found = await self._detect(self.config)
            self.gpus = found.gpus
            if isinstance(found, DetectedNodes):
                changes = tuple(_changed_nodes(planned, found))
            else:
                changes = tuple(_changed_gpus(planned.gpus, found.gpus))
            if changes:
                self._planned = self._deployment(self.config, found)
                self._post(GpusChanged(self._planned, changes))

    def adopt(self, deployment: Deployment, config: Config | None = None) -> None:
        """The deployment, and the configuration if it is a new one, are in force from now on."""
        self._adopted = deployment
        self.gpus = deployment.gpus
        if config is not None:
            for key in _keys_of_the_start(self.config, config):
                _log.warning("[Main] %s has changed; this takes a restart", key)
            self.config = config
            _log.info("[Main] the configuration was reloaded")

    def reject(self) -> None:
        """The last outcome is not adopted."""
        self._planned = self._adopted

    async def _plan(self, config: Config) -> Deployment:
        return self._deployment(config, await self._detect(config))

    def _deployment(self, config: Config, found: DetectedGpus | DetectedNodes) -> Deployment:
        return plan_deployment(config, found, self._environment.environ, self._cache, self._planned)

    async def _detect(self, config: Config) -> DetectedGpus | DetectedNodes:
        if self._detect_nodes is not None:
            return await self._detect_nodes(config)
        our_pids = self._our_pids() if self._planned else []  # at the start there are no workers
        return await asyncio.to_thread(self._detect_gpus, our_pids)

    def _detect_gpus(self, our_pids: list[int]) -> DetectedGpus:
        """Blocking. While NVML does not answer, the GPUs detected before are kept."""
        before = self._planned
        found = detect_gpus(self._environment.nvml, self._environment.environ, our_pids)
        fault = found.remarks[0] if found.is_blind and before and before.gpus else ""
        if fault and fault != self._nvml_fault:
            _log.warning("[Main] GPU query failed; keeping the last known GPU list: %s", fault)
        self._nvml_fault = fault
        return DetectedGpus(before.gpus) if fault and before else found


def _keys_of_the_start(old: Config, new: Config) -> Iterator[str]:
    """The changed keys that only a restart applies."""
    if new.spool.root != old.spool.root:
        yield "spool.root"
    if new.pool.backend != old.pool.backend:
        yield "pool.backend"
    if new.ray != old.ray:
        yield "ray.address"


def _changed_nodes(planned: Deployment, found: DetectedNodes) -> Iterator[str]:
    """What operators should know, in words: nodes, faults and GPUs that are new or gone."""
    old, new = ({node.id: node for node in nodes} for nodes in (planned.nodes, found.nodes))
    for fault in found.faults:
        if fault not in planned.faults:
            yield fault
    for id_, node in old.items():
        if id_ not in new:
            yield f"node {node.name} is gone: the pool goes on with what is left"
        else:
            yield from _on(node, _changed_gpus(node.gpus, new[id_].gpus))
    for id_, node in new.items():
        if id_ not in old:
            yield f"node {node.name} is available: the pool uses it from now on"


def _on(node: Node, changes: Iterator[str]) -> Iterator[str]:
    return (f"node {node.name}: {change}" for change in changes)


def _changed_gpus(before: Sequence[Gpu], now: Sequence[Gpu]) -> Iterator[str]:
    """What operators should know, in words; a GPU is identified by its number and UUID."""
    old, new = ({(gpu.index, gpu.uuid): gpu for gpu in gpus} for gpus in (before, now))
    for key, gpu in old.items():
        if key not in new:
            yield f"GPU {gpu.index} ({gpu.name}) is gone: the pool goes on with what is left"
    for key, gpu in new.items():
        if key not in old:
            yield f"GPU {gpu.index} ({gpu.name}) is available: the pool uses it from now on"
