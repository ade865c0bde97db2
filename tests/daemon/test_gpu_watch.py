"""GpuWatch checks the GPUs periodically and on request, and can be cancelled at any moment."""

from __future__ import annotations

import asyncio

import pytest

from fishd.daemon.config.gpu_watch import GpuWatch

LIMIT_S = 10.0


@pytest.mark.parametrize(("every_s", "is_requested"), [(0.001, False), (3600.0, True)])
def test_the_gpus_are_checked_after_an_interval_and_soon_on_request(
    every_s: float, is_requested: bool
) -> None:
    async def watch_until_a_check() -> None:
        checked = asyncio.Event()

        async def check() -> None:
            checked.set()

        watch = GpuWatch(check, every_s)
        running = asyncio.create_task(watch.run())
        if is_requested:
            watch.check_soon()
        async with asyncio.timeout(LIMIT_S):
            await checked.wait()
        running.cancel()

    asyncio.run(watch_until_a_check())


def test_a_cancellation_that_follows_a_request_at_once_is_not_lost() -> None:
    """A worker's death requests a check; the same death may end the daemon."""

    async def check() -> None:
        pass

    async def request_and_cancel() -> bool:
        watch = GpuWatch(check)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        watch.check_soon()
        await asyncio.sleep(0)  # the waiter is done, the watch has not run yet
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=LIMIT_S)
        task.cancel()
        return bool(done)

    assert asyncio.run(request_and_cancel())
