"""Pauses between attempts at something that the machine refuses for the moment."""

from __future__ import annotations

import asyncio
import contextlib

FIRST_S = 1.0


class Backoff:
    """Pauses of 1, 2, 4 … seconds, up to `longest_s`; setting `stop` ends a pause at once."""

    def __init__(self, stop: asyncio.Event, longest_s: float) -> None:
        self._stop = stop
        self._longest_s = longest_s
        # The mutable state.
        self._pause_s = FIRST_S

    async def pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s):  # wait_for of Python 3.11 can lose a cancellation
                await self._stop.wait()
        self._pause_s = min(self._pause_s * 2, self._longest_s)
