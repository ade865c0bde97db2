"""Runs blocking work in one thread, in batches of whatever is waiting.

Threads of one interpreter that make many small system calls switch at every one of them: three such threads
took longer than one does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


class BatchExecutor(Generic[_Item, _Outcome]):
    """Calls `work` in its thread with up to `most` items; it returns one outcome for each."""

    def __init__(self, name: str, work: Callable[[Sequence[_Item]], Sequence[_Outcome]], most: int) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._work = work
        self._most = most
        # The mutable state.
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[_Item, asyncio.Future[_Outcome]]] = []

    async def submit(self, item: _Item) -> _Outcome:
        """The item's outcome. The first caller submits the whole pending batch."""
        outcome: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, outcome))
        async with self._turn:
            if not outcome.done():
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._run(batch)
        return await outcome

    async def _run(self, batch: Sequence[tuple[_Item, asyncio.Future[_Outcome]]]) -> None:
        items = [item for item, _ in batch]
        try:
            outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, items)
        except Exception as error:  # noqa: BLE001 - raised again in every caller of the batch
            for _, future in batch:
                future.set_exception(error)
        else:
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                future.set_result(outcome)
