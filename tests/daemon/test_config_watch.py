"""The watch on config.toml, by itself: what counts as saved, and what happens when there is no watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fishd.daemon.config.config_watch import ConfigWatch

LIMIT_S = 20.0


def watched(path: Path, story: Callable[[asyncio.Queue[None]], Awaitable[None]]) -> int:
    """Play a story while the file is watched; how many saves were left untold of by it."""

    async def run() -> int:
        saves: asyncio.Queue[None] = asyncio.Queue()
        watch = ConfigWatch(path, lambda: saves.put_nowait(None), backoff_s=(0.01,))
        task = asyncio.create_task(watch.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                await story(saves)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return saves.qsize()

    return asyncio.run(run())


def test_only_other_content_is_a_save(tmp_path: Path) -> None:
    """A touch, the same again, an emptied file and one that is gone are none; what comes after them is."""
    path = tmp_path / "config.toml"
    path.write_text("one")

    async def story(saves: asyncio.Queue[None]) -> None:
        path.touch()
        path.write_text("one")
        path.write_text("")
        path.unlink()
        path.write_text("two")
        await saves.get()

    assert 0 == watched(path, story)


def test_a_link_that_is_put_on_another_file_is_a_save(tmp_path: Path) -> None:
    """As a mounted configuration changes; also a change of the file behind the link."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "real.toml").write_text(name)
    path = tmp_path / "config.toml"
    path.symlink_to("a/real.toml")

    async def story(saves: asyncio.Queue[None]) -> None:
        new = tmp_path / "new"
        new.symlink_to("b/real.toml")
        new.replace(path)
        await saves.get()
        (tmp_path / "b" / "real.toml").write_text("c")
        await saves.get()

    assert 0 == watched(path, story)


def test_a_watch_that_cannot_be_had_is_said_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then `fishd reload` serves; what was saved meanwhile is noticed then."""
    path = tmp_path / "not yet" / "config.toml"

    async def story(saves: asyncio.Queue[None]) -> None:
        while not caplog.messages:
            await asyncio.to_thread(tmp_path.stat)
        path.parent.mkdir()
        path.write_text("one")
        await saves.get()

    assert 0 == watched(path, story)
    assert [f"[Main] {path} cannot be watched"] == [line.partition(" (")[0] for line in caplog.messages]
    assert "use `fishd reload`" in caplog.text
