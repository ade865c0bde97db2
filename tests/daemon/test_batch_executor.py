"""Work that waits together is done together, in one thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from fishd.daemon.publishing.batch import BatchExecutor


def test_what_waits_is_done_in_one_batch() -> None:
    """The first goes alone; those that come meanwhile go together, up to the most; each gets its own end."""
    batches: list[list[int]] = []
    has_begun, may_end = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        has_begun.set()
        may_end.wait()
        return [item * 10 for item in items]

    async def play() -> list[int]:
        lane = BatchExecutor("test", work, most=3)
        first = asyncio.create_task(lane.submit(0))
        await asyncio.to_thread(has_begun.wait)
        others = [asyncio.create_task(lane.submit(n)) for n in range(1, 6)]
        await asyncio.sleep(0)
        may_end.set()
        return [await task for task in (first, *others)]

    assert [0, 10, 20, 30, 40, 50] == asyncio.run(play())
    assert [[0], [1, 2, 3], [4, 5]] == batches


def test_a_fault_of_ours_ends_all_who_waited_for_it() -> None:
    """None of them waits for ever."""

    def work(_items: Sequence[int]) -> list[int]:
        raise ZeroDivisionError

    async def play() -> None:
        lane = BatchExecutor("test", work, most=3)
        for end in await asyncio.gather(*(lane.submit(n) for n in range(3)), return_exceptions=True):
            assert isinstance(end, ZeroDivisionError)

    asyncio.run(asyncio.wait_for(play(), 10))
