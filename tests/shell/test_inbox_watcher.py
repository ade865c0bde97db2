"""The inbox watcher notices what happens in the inbox, and reports when it fails. Real watches, real time."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from fishd.spool.inbox.watcher import watch_inbox

LIMIT_S = 10.0  # far beyond what any notification takes


class Watching:
    """Runs the watcher and waits for its notifications."""

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
        """One drop is noticed, or a later one, because the watch may just be restarting."""
        names = iter(range(1_000))
        self._notified.clear()
        async with asyncio.timeout(LIMIT_S):
            while not self._notified.is_set():
                (self.inbox / str(next(names))).mkdir()
                try:
                    await asyncio.wait_for(self._notified.wait(), 0.3)
                except TimeoutError:
                    continue


def while_watching(tmp_path: Path, scenario: Callable[[Watching], Awaitable[None]]) -> None:
    """Run a scenario beside a watcher whose first notification has come."""

    async def both() -> None:
        (tmp_path / "inbox").mkdir()
        watching = Watching(tmp_path / "inbox")
        async with asyncio.TaskGroup() as group:
            group.create_task(watching.run())
            await watching.notified()
            await scenario(watching)
            watching.stop.set()

    asyncio.run(both())


def test_a_drop_is_noticed(tmp_path: Path) -> None:
    async def scenario(watching: Watching) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a").rename(watching.inbox / "a")
        await watching.notified()

    while_watching(tmp_path, scenario)


def test_a_ready_file_in_a_settling_bundle_is_noticed(tmp_path: Path) -> None:
    """The inbox itself has no event for it."""

    async def scenario(watching: Watching) -> None:
        (watching.inbox / "a").mkdir()
        await watching.notified()
        watching.settling = ["a"]
        await watching.notified()  # the watch was restarted
        (watching.inbox / "a" / ".ready").touch()
        await watching.notified()

    while_watching(tmp_path, scenario)


def test_our_own_reading_is_not_noticed(tmp_path: Path) -> None:
    """Otherwise each scan would cause the next."""

    async def scenario(watching: Watching) -> None:
        (watching.inbox / "a").mkdir()
        (watching.inbox / "a" / "x").write_text("x")
        await watching.notified()
        watching.settling = ["a"]
        await watching.notified()
        list(os.scandir(watching.inbox / "a"))
        (watching.inbox / "a" / "x").read_text()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watching.notified(), 0.3)

    while_watching(tmp_path, scenario)


def test_a_name_that_is_not_utf8_does_not_end_it(tmp_path: Path) -> None:
    """Such a name has broken watches before."""

    async def scenario(watching: Watching) -> None:
        (watching.inbox / os.fsdecode(b"\xff")).mkdir()
        await watching.notified()
        watching.settling = [os.fsdecode(b"\xff")]
        await watching.notices_a_drop()

    while_watching(tmp_path, scenario)


def test_a_replaced_inbox_is_watched_again(tmp_path: Path) -> None:
    """The kernel's watch is on the old folder."""

    async def scenario(watching: Watching) -> None:
        watching.inbox.rename(tmp_path / "old")
        watching.inbox.mkdir()
        await watching.notices_a_drop()

    while_watching(tmp_path, scenario)


def test_it_reports_when_it_fails_and_when_it_works_again(tmp_path: Path) -> None:
    """Once each; here because the inbox is gone for a while."""

    async def scenario(watching: Watching) -> None:
        shutil.rmtree(watching.inbox)
        async with asyncio.timeout(LIMIT_S):
            failed = await watching.reports.get()
            assert failed.startswith("inbox watch failed (")
            assert failed.endswith("); the inbox is still scanned regularly")
            watching.inbox.mkdir()
            assert "inbox watch works again: drops are noticed at once" == await watching.reports.get()

    while_watching(tmp_path, scenario)


def test_a_cancelled_watcher_leaves_no_thread_waiting(tmp_path: Path) -> None:
    """asyncio.run waits for its threads: it must end at once."""

    async def cancelled() -> None:
        watching = Watching(tmp_path)
        task = asyncio.create_task(watching.run())
        await watching.notified()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def bounded() -> None:
        async with asyncio.timeout(LIMIT_S):
            await cancelled()

    asyncio.run(bounded())
