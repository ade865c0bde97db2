"""The configuration in force, and how another one takes its place while the daemon runs.

A bad file changes nothing. Reading and looking at the cards is done in a thread; what came of it arrives in
the mailbox like everything else, and is adopted there, whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fishd.core.config import BadConfig, Config
from fishd.daemon.hiring import Hiring, hire
from fishd.daemon.mail import Reloaded
from fishd.host.gpus import Nvml

_log = logging.getLogger("fishd.main")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the daemon finds around it; tests put their own in. `reload` raises BadConfig."""

    nvml: Nvml
    environ: Mapping[str, str]
    reload: Callable[[], Config]


class Reloading:
    """Owns the configuration and the hiring in force. `our_pids` are the workers' processes."""

    def __init__(
        self, config: Config, around: Surroundings, cache: Path, our_pids: Callable[[], list[int]]
    ) -> None:
        self._around = around
        self._cache = cache
        self._our_pids = our_pids
        # The mutable state.
        self.config = config
        self.hiring: Hiring | None = None
        self._at_work = asyncio.Lock()
        self._latest: Hiring | None = None  # perhaps still on its way to be adopted: generations count on

    async def first(self) -> Hiring:
        """The hiring to start with."""
        self.hiring = self._latest = await asyncio.to_thread(self._hire, self.config, [])
        return self.hiring

    async def again(self, post: Callable[[Reloaded], None]) -> None:
        """Read the file anew; the outcome goes into the mailbox. One at a time: the last one asked for is
        the last one adopted.
        """
        async with self._at_work:
            try:
                config = await asyncio.to_thread(self._around.reload)
                self._latest = await asyncio.to_thread(self._hire, config, self._our_pids())
            except BadConfig as fault:
                post(Reloaded(fault))
            else:
                post(Reloaded((config, self._latest)))

    def adopt(self, config: Config, hiring: Hiring) -> None:
        """Everything but the spool's root changes in place."""
        if config.spool.root != self.config.spool.root:
            _log.warning("[Main] spool.root is another now; that takes a restart")
        self.config, self.hiring = config, hiring
        _log.info("[Main] the configuration was reloaded")

    def _hire(self, config: Config, our_pids: list[int]) -> Hiring:
        around = self._around
        return hire(config, around.nvml, around.environ, self._cache, before=self._latest, our_pids=our_pids)
