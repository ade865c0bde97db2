"""BatchExecutor runs the work that is waiting in batches, in one thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from fishd.daemon.publishing.batch import BatchExecutor

LIMIT_S = 10.0


def test_items_submitted_during_a_batch_form_the_next_batches() -> None:
    """The first item runs alone; the others run up to three at a time, each with its own outcome."""
    batches: list[list[int]] = []
    has_begun, may_end = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        has_begun.set()
        assert may_end.wait(LIMIT_S)
        return [item * 10 for item in items]

    async def submit_six() -> list[int]:
        executor = BatchExecutor("test", work, most=3)
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
            first = group.create_task(executor.submit(0))
            await asyncio.to_thread(has_begun.wait, LIMIT_S)
            others = [group.create_task(executor.submit(n)) for n in range(1, 6)]
            await asyncio.sleep(0)  # let every task submit its item
            may_end.set()
        return [task.result() for task in (first, *others)]

    assert [0, 10, 20, 30, 40, 50] == asyncio.run(submit_six())
    assert [[0], [1, 2, 3], [4, 5]] == batches


def test_an_exception_in_the_work_is_raised_in_every_caller_of_the_batch() -> None:
    def work(_items: Sequence[int]) -> list[int]:
        raise ZeroDivisionError

    async def submit_three() -> list[BaseException | int]:
        executor = BatchExecutor("test", work, most=3)
        async with asyncio.timeout(LIMIT_S):
            return await asyncio.gather(*(executor.submit(n) for n in range(3)), return_exceptions=True)

    assert [ZeroDivisionError] * 3 == [type(outcome) for outcome in asyncio.run(submit_three())]
