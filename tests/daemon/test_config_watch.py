"""ConfigWatch alone: which changes of config.toml it reports, and how it recovers from a failed watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from fishd.daemon.config.config_watch import ConfigWatch

LIMIT_S = 20.0


def unexpected_changes(path: Path, scenario: Callable[[asyncio.Queue[None]], Awaitable[None]]) -> int:
    """Run a scenario while the file is watched; the number of reported changes that it did not take."""

    async def run() -> int:
        changes: asyncio.Queue[None] = asyncio.Queue()
        watch = ConfigWatch(path, lambda: changes.put_nowait(None), backoff_s=(0.01,))
        task = asyncio.create_task(watch.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                await scenario(changes)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return changes.qsize()

    return asyncio.run(run())


def test_only_new_content_is_a_change(tmp_path: Path) -> None:
    """A touch, the same content again, an emptied file and a removed one are not reported."""
    path = tmp_path / "config.toml"
    path.write_text("one")

    async def scenario(changes: asyncio.Queue[None]) -> None:
        path.touch()
        path.write_text("one")
        path.write_text("")
        path.unlink()
        path.write_text("two")
        await changes.get()

    assert 0 == unexpected_changes(path, scenario)


def test_a_link_that_is_set_to_another_file_is_a_change(tmp_path: Path) -> None:
    """Mounted configurations change so; a change of the link's target is reported too."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "real.toml").write_text(name)
    path = tmp_path / "config.toml"
    path.symlink_to("a/real.toml")

    async def scenario(changes: asyncio.Queue[None]) -> None:
        new = tmp_path / "new"
        new.symlink_to("b/real.toml")
        new.replace(path)
        await changes.get()
        (tmp_path / "b" / "real.toml").write_text("c")
        await changes.get()

    assert 0 == unexpected_changes(path, scenario)


class QueueHandler(logging.Handler):
    """Puts the messages of fishd's loggers into a queue."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.put_nowait(record.getMessage())


def test_a_watch_that_fails_is_logged_once_and_retried(tmp_path: Path) -> None:
    """A change that was saved in the meantime is reported when the watch succeeds."""
    path = tmp_path / "not yet" / "config.toml"
    handler = QueueHandler()

    async def scenario(changes: asyncio.Queue[None]) -> None:
        message = await handler.messages.get()
        assert message.startswith(f"[Main] {path} cannot be watched (")
        assert "use `fishd reload`" in message
        path.parent.mkdir()
        path.write_text("one")
        await changes.get()

    logging.getLogger("fishd.main").addHandler(handler)
    try:
        assert 0 == unexpected_changes(path, scenario)
    finally:
        logging.getLogger("fishd.main").removeHandler(handler)
    assert handler.messages.empty()
