"""The configuration in force, and how another one takes its place while the daemon runs.

A bad file changes nothing. Reading and looking at the cards is done in a thread; what came of it arrives in
the mailbox like everything else, and is adopted there, whole.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishd.core.config.config import BadConfig, Config
from fishd.core.sizing.model import Gpu
from fishd.daemon.clock import rfc3339
from fishd.daemon.mailbox import ConfigRead, GpusChanged
from fishd.daemon.pool_plan import Deployment, plan_deployment
from fishd.host.gpus import DetectedGpus, detect_gpus
from fishd.host.nvml import Nvml

_log = logging.getLogger("fishd.main")


@dataclass(frozen=True, slots=True)
class Environment:
    """What the daemon finds around it; tests put their own in. `reload` raises BadConfig."""

    nvml: Nvml
    environ: Mapping[str, str]
    reload: Callable[[], Config]
    now: Callable[[], float] = time.time


class ConfigReloader:
    """Owns the configuration and the hiring in force. `our_pids` are the workers' processes."""

    def __init__(
        self, config: Config, around: Environment, cache: Path, our_pids: Callable[[], list[int]]
    ) -> None:
        self._around = around
        self._cache = cache
        self._our_pids = our_pids
        # The mutable state.
        self.config = config
        self.deployment: Deployment | None = None
        self._at_work = asyncio.Lock()
        self._blind = ""  # why NVML does not answer, while it does not
        self.gpus: Sequence[Gpu] = ()  # as they were last seen
        self._latest: Deployment | None = None  # perhaps still on its way to be adopted: generations count on

    async def plan_initial(self) -> Deployment:
        """The hiring to start with."""
        self.deployment = self._latest = await asyncio.to_thread(self._hire, self.config, [])
        self.gpus = self.deployment.gpus
        return self.deployment

    async def reload(self, post: Callable[[ConfigRead], None]) -> None:
        """Read the file anew; the outcome goes into the mailbox. One at a time: the last one asked for is
        the last one adopted.
        """
        async with self._at_work:
            read_at = rfc3339(self._around.now())
            try:
                config = await asyncio.to_thread(self._around.reload)
                self._latest = await asyncio.to_thread(self._hire, config, self._our_pids())
            except BadConfig as fault:
                post(ConfigRead(fault, read_at))
            else:
                post(ConfigRead((config, self._latest), read_at))

    async def check_gpus(self, post: Callable[[GpusChanged], None]) -> None:
        """See whether the cards are still those of the plan; if not, plan with those that are there."""
        async with self._at_work:
            if self._latest is None or self._latest is not self.deployment:
                return  # a reload is on its way, which has looked itself
            found = await asyncio.to_thread(self._find, self._our_pids())
            self.gpus = found.gpus
            words = tuple(_changes(self._latest.gpus, found.gpus))
            if words:
                around = self._around
                self._latest = plan_deployment(self.config, found, around.environ, self._cache, self._latest)
                post(GpusChanged(self._latest, words))

    def reject(self) -> None:
        """What was read last is not adopted after all."""
        self._latest = self.deployment

    def adopt(self, config: Config, hiring: Deployment) -> None:
        """Everything but the spool's root changes in place."""
        if config.spool.root != self.config.spool.root:
            _log.warning("[Main] spool.root is another now; that takes a restart")
        self.config, self.deployment = config, hiring
        self.gpus = hiring.gpus
        _log.info("[Main] the configuration was reloaded")

    def _hire(self, config: Config, our_pids: list[int]) -> Deployment:
        return plan_deployment(config, self._find(our_pids), self._around.environ, self._cache, self._latest)

    def _find(self, our_pids: list[int]) -> DetectedGpus:
        """Blocking. An NVML that does not answer any more says nothing of the cards: they are used on."""
        around, before = self._around, self._latest
        found = detect_gpus(around.nvml, around.environ, our_pids)
        fault = found.remarks[0] if found.is_blind and before and before.gpus else ""
        if fault and fault != self._blind:
            _log.warning("[Main] the cards cannot be looked at any more, and are used as before: %s", fault)
        self._blind = fault
        return DetectedGpus(before.gpus) if fault and before else found


def _changes(before: Sequence[Gpu], now: Sequence[Gpu]) -> Iterator[str]:
    """What an operator must know, in words; cards are known by number and UUID."""
    old, new = ({(card.index, card.uuid): card for card in cards} for cards in (before, now))
    for key, card in old.items():
        if key not in new:
            yield f"GPU {card.index} ({card.name}) is gone: the pool goes on with what is left"
    for key, card in new.items():
        if key not in old:
            yield f"GPU {card.index} ({card.name}) is there: the pool uses it from now on"
