"""The alarm rings for what happens in the inbox, and says so when it is out. Real watches, real time."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from fishd.spool.inbox.watcher import watch_inbox

RING_S = 10.0  # far beyond what any ring takes: only a deaf alarm needs it


class Listener:
    """Runs the alarm and waits for its rings."""

    def __init__(self, inbox: Path) -> None:
        self.inbox = inbox
        self.stop = asyncio.Event()
        self.settling: list[str] = []
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self._rung = asyncio.Event()

    async def run(self) -> None:
        async with aclosing(
            watch_inbox(self.inbox, self.stop, lambda: self.settling, self.said.put_nowait)
        ) as rings:
            async for _ in rings:
                self._rung.set()

    async def ring(self) -> None:
        async with asyncio.timeout(RING_S):
            await self._rung.wait()
        self._rung.clear()

    async def rings_for_a_drop(self) -> None:
        """A drop is heard; or the next, because a watch may just be starting."""
        names = iter(range(1_000))
        self._rung.clear()
        async with asyncio.timeout(RING_S):
            while not self._rung.is_set():
                (self.inbox / str(next(names))).mkdir()
                try:
                    await asyncio.wait_for(self._rung.wait(), 0.3)
                except TimeoutError:
                    continue


def listening(tmp_path: Path, story: Callable[[Listener], Awaitable[None]]) -> None:
    """Run a story beside a listener whose first ring has come."""

    async def both() -> None:
        (tmp_path / "inbox").mkdir()
        listener = Listener(tmp_path / "inbox")
        async with asyncio.TaskGroup() as group:
            group.create_task(listener.run())
            await listener.ring()
            await story(listener)
            listener.stop.set()

    asyncio.run(both())


def test_a_drop_rings(tmp_path: Path) -> None:
    """One rename, one ring."""

    async def story(listener: Listener) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a").rename(listener.inbox / "a")
        await listener.ring()

    listening(tmp_path, story)


def test_a_ready_file_in_a_settling_bundle_rings(tmp_path: Path) -> None:
    """The inbox itself has no event of it."""

    async def story(listener: Listener) -> None:
        (listener.inbox / "a").mkdir()
        await listener.ring()
        listener.settling = ["a"]
        await listener.ring()  # the watch began anew
        (listener.inbox / "a" / ".ready").touch()
        await listener.ring()

    listening(tmp_path, story)


def test_our_own_looking_does_not_ring(tmp_path: Path) -> None:
    """Else each scan would cause the next."""

    async def story(listener: Listener) -> None:
        (listener.inbox / "a").mkdir()
        (listener.inbox / "a" / "x").write_text("x")
        await listener.ring()
        listener.settling = ["a"]
        await listener.ring()
        list(os.scandir(listener.inbox / "a"))
        (listener.inbox / "a" / "x").read_text()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listener.ring(), 0.3)

    listening(tmp_path, story)


def test_a_name_that_is_no_utf8_does_not_end_it(tmp_path: Path) -> None:
    """Such a name has killed watches before."""

    async def story(listener: Listener) -> None:
        (listener.inbox / os.fsdecode(b"\xff")).mkdir()
        await listener.ring()
        listener.settling = [os.fsdecode(b"\xff")]
        await listener.rings_for_a_drop()

    listening(tmp_path, story)


def test_a_replaced_inbox_is_watched_anew(tmp_path: Path) -> None:
    """The kernel's watch is on the old folder."""

    async def story(listener: Listener) -> None:
        listener.inbox.rename(tmp_path / "old")
        listener.inbox.mkdir()
        await listener.rings_for_a_drop()

    listening(tmp_path, story)


def test_it_says_when_it_is_out_and_when_it_is_back(tmp_path: Path) -> None:
    """Once each; here because the inbox is gone for a while."""

    async def story(listener: Listener) -> None:
        shutil.rmtree(listener.inbox)
        async with asyncio.timeout(RING_S):
            out = await listener.said.get()
            assert out.startswith("the alarm is out (")
            assert out.endswith("); the inbox is still scanned regularly")
            listener.inbox.mkdir()
            assert "the alarm is back: a drop is seen at once" == await listener.said.get()

    listening(tmp_path, story)


def test_a_cancelled_alarm_leaves_no_thread_waiting(tmp_path: Path) -> None:
    """asyncio.run waits for its threads: it must end at once."""

    async def cancelled() -> None:
        listener = Listener(tmp_path)
        task = asyncio.create_task(listener.run())
        await listener.ring()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def bounded() -> None:
        async with asyncio.timeout(RING_S):
            await cancelled()

    asyncio.run(bounded())
