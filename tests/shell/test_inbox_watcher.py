"""The inbox watcher reports changes in the inbox, and when its watch fails. With real watches."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from fishd.spool.inbox.watcher import watch_inbox

LIMIT_S = 10.0


class RunningWatcher:
    """A watcher and its notifications."""

    def __init__(self, inbox: Path) -> None:
        self.inbox = inbox
        self.stop = asyncio.Event()
        self.settling: list[str] = []
        self.reports: asyncio.Queue[str] = asyncio.Queue()
        self._notified = asyncio.Event()

    async def run(self) -> None:
        async with aclosing(
            watch_inbox(self.inbox, self.stop, lambda: self.settling, self.reports.put_nowait)
        ) as notifications:
            async for _ in notifications:
                self._notified.set()

    async def notified(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            await self._notified.wait()
        self._notified.clear()

    async def notices_a_drop(self) -> None:
        """Drop folders until one is noticed: the watch may be restarting at first."""
        names = iter(range(1_000))
        self._notified.clear()
        async with asyncio.timeout(LIMIT_S):
            while not self._notified.is_set():
                (self.inbox / str(next(names))).mkdir()
                try:
                    await asyncio.wait_for(self._notified.wait(), 0.3)
                except TimeoutError:
                    continue


def while_watching(tmp_path: Path, scenario: Callable[[RunningWatcher], Awaitable[None]]) -> None:
    """Run a scenario beside a watcher that has sent its first notification."""

    async def both() -> None:
        (tmp_path / "inbox").mkdir()
        watcher = RunningWatcher(tmp_path / "inbox")
        async with asyncio.TaskGroup() as group:
            group.create_task(watcher.run())
            await watcher.notified()
            await scenario(watcher)
            watcher.stop.set()

    asyncio.run(both())


def test_a_drop_is_noticed(tmp_path: Path) -> None:
    async def scenario(watcher: RunningWatcher) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a").rename(watcher.inbox / "a")
        await watcher.notified()

    while_watching(tmp_path, scenario)


def test_a_ready_file_in_a_settling_bundle_is_noticed(tmp_path: Path) -> None:
    """It causes no event of the inbox itself."""

    async def scenario(watcher: RunningWatcher) -> None:
        (watcher.inbox / "a").mkdir()
        await watcher.notified()
        watcher.settling = ["a"]
        await watcher.notified()  # the watch was restarted
        (watcher.inbox / "a" / ".ready").touch()
        await watcher.notified()

    while_watching(tmp_path, scenario)


def test_reading_a_bundle_is_not_noticed(tmp_path: Path) -> None:
    """Otherwise each scan would cause another."""

    async def scenario(watcher: RunningWatcher) -> None:
        (watcher.inbox / "a").mkdir()
        (watcher.inbox / "a" / "x").write_text("x")
        await watcher.notified()
        watcher.settling = ["a"]
        await watcher.notified()
        list(os.scandir(watcher.inbox / "a"))
        (watcher.inbox / "a" / "x").read_text()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watcher.notified(), 0.3)

    while_watching(tmp_path, scenario)


def test_a_name_that_is_not_utf8_does_not_end_the_watch(tmp_path: Path) -> None:
    """A folder of such a name cannot be watched."""

    async def scenario(watcher: RunningWatcher) -> None:
        (watcher.inbox / os.fsdecode(b"\xff")).mkdir()
        await watcher.notified()
        watcher.settling = [os.fsdecode(b"\xff")]
        await watcher.notices_a_drop()

    while_watching(tmp_path, scenario)


def test_a_replaced_inbox_is_watched_again(tmp_path: Path) -> None:
    """The kernel's watch is on the old folder."""

    async def scenario(watcher: RunningWatcher) -> None:
        watcher.inbox.rename(tmp_path / "old")
        watcher.inbox.mkdir()
        await watcher.notices_a_drop()

    while_watching(tmp_path, scenario)


def test_a_failed_watch_is_reported_when_it_fails_and_when_it_works_again(tmp_path: Path) -> None:
    """The inbox is removed and created again."""

    async def scenario(watcher: RunningWatcher) -> None:
        shutil.rmtree(watcher.inbox)
        async with asyncio.timeout(LIMIT_S):
            failed = await watcher.reports.get()
            assert failed.startswith("inbox watch failed (")
            assert failed.endswith("); the inbox is still scanned regularly")
            watcher.inbox.mkdir()
            assert "inbox watch works again: drops are noticed at once" == await watcher.reports.get()

    while_watching(tmp_path, scenario)


def test_a_cancelled_watcher_leaves_no_thread_waiting(tmp_path: Path) -> None:
    """asyncio.run would wait for it."""

    async def cancelled() -> None:
        watcher = RunningWatcher(tmp_path)
        task = asyncio.create_task(watcher.run())
        await watcher.notified()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def bounded() -> None:
        async with asyncio.timeout(LIMIT_S):
            await cancelled()

    asyncio.run(bounded())
