"""Looks at the cards now and then, and at once when a worker has died: one may have fallen off the bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

EVERY_S = 30.0


class GpuWatch:
    """`look` compares the cards with the plan; it is never called twice at a time."""

    def __init__(self, look: Callable[[], Awaitable[None]], every_s: float = EVERY_S) -> None:
        self._look = look
        self._every_s = every_s
        # The mutable state.
        self._asked = asyncio.Event()

    def check_soon(self) -> None:
        """Something happened that a lost card would explain."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):  # wait_for of Python 3.11 can lose a cancel
                    await self._asked.wait()
            self._asked.clear()
            await self._look()
