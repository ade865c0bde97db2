"""The watch over the cards ends when it is told to, whatever happens at that moment."""

from __future__ import annotations

import asyncio

from fishd.daemon.config.gpu_watch import GpuWatch


async def _look() -> None:
    pass


def test_a_watch_that_is_woken_and_cancelled_at_once_ends() -> None:
    """A worker's death wakes it; if that death also ends the daemon, the cancel must not be lost."""

    async def woken_and_cancelled() -> bool:
        watch = GpuWatch(_look)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        watch.check_soon()
        await asyncio.sleep(0)  # the waiter is done, the watch has not run yet
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=2.0)
        task.cancel()
        return bool(done)

    assert asyncio.run(woken_and_cancelled())
