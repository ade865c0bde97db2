"""Checks the GPUs, or the nodes of a cluster, now and then, and at once when a worker has died."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

GPUS_EVERY_S = 30.0
NODES_EVERY_S = 5.0


class GpuWatch:
    """Calls `check` every `every_s`, and soon after `check_soon`; never twice at a time."""

    def __init__(self, check: Callable[[], Awaitable[None]], every_s: float = GPUS_EVERY_S) -> None:
        self._check = check
        self._every_s = every_s
        # The mutable state.
        self._wake = asyncio.Event()

    def check_soon(self) -> None:
        """Something happened that a lost GPU would explain."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):  # wait_for of Python 3.11 can lose a cancellation
                    await self._wake.wait()
            self._wake.clear()
            await self._check()
