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


class BatchExecutor(Generic[_Item, _End]):
    """`work` is called in the lane's thread, with up to `most` items, and gives each its end."""

    def __init__(self, name: str, work: Callable[[Sequence[_Item]], Sequence[_End]], most: int) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._work = work
        self._most = most
        # The mutable state.
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[_Item, asyncio.Future[_End]]] = []

    async def submit(self, item: _Item) -> _End:
        """Its end. Whoever comes first takes along all who wait."""
        mine: asyncio.Future[_End] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, mine))
        async with self._turn:
            if not mine.done():
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._work_off(batch)
        return await mine

    async def _work_off(self, batch: Sequence[tuple[_Item, asyncio.Future[_End]]]) -> None:
        items = [item for item, _ in batch]
        try:
            ends = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, items)
        except Exception as error:  # noqa: BLE001 - it is raised again for each who waits
            for _, future in batch:
                future.set_exception(error)
        else:
            for (_, future), end in zip(batch, ends, strict=True):
                future.set_result(end)
