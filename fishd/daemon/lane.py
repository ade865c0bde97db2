"""Work that waits together is done together, in one thread.

Threads of one interpreter that make many small system calls hand it to each other at every one: three of
them took longer than one does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_End = TypeVar("_End")


class Lane(Generic[_Item, _End]):
    """`work` is called in the lane's thread, with up to `most` items, and gives each its end."""

    def __init__(self, name: str, work: Callable[[Sequence[_Item]], Sequence[_End]], most: int) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._work = work
        self._most = most
        # The mutable state.
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[_Item, asyncio.Future[_End]]] = []

    async def do(self, item: _Item) -> _End:
        """Its end. Whoever comes first takes along all who wait."""
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[_End] = loop.create_future()
        self._waiting.append((item, mine))
        async with self._turn:
            if not mine.done():
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                ends = await loop.run_in_executor(self._thread, self._work, [item for item, _ in batch])
                for (_, future), end in zip(batch, ends, strict=True):
                    future.set_result(end)
        return await mine
