"""Saving config.toml reloads it: a watch on the file's folder.

Editors write a new file and rename it, or truncate the file and write it again. So the folder is watched, and
the file's content is compared once two reads agree. A touch changes nothing. An empty file is a failed or
unfinished save: only `fishd reload` accepts one. watchfiles' Rust API is used directly, as its documentation
allows, because the watch must be in place before the file is first read.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import aiofiles
from watchfiles._rust_notify import RustNotify

_log = logging.getLogger("fishd.main")
STEP_MS = 250  # how long the folder must be quiet
DEBOUNCE_MS = 1_000  # how often the file is read if the folder is never quiet
IDLE_MS = 5_000
STEADY_S = 0.1  # between the two reads that must agree
BACKOFF_S = (1.0, 5.0, 30.0, 300.0)


class ConfigWatch:
    """Calls `on_change` whenever the file's content has changed."""

    def __init__(
        self, path: Path, on_change: Callable[[], object], *, backoff_s: Sequence[float] = BACKOFF_S
    ) -> None:
        self._path = path
        self._on_change = on_change
        self._backoff_s = backoff_s
        # The mutable state.
        self._known = _saved(path.read_bytes()) if path.exists() else None
        self._failures = 0  # in a row

    async def run(self) -> None:
        """Until cancelled. A watch that the kernel refuses is logged once, and retried."""
        while True:
            try:
                await self._watch()
            except (OSError, RuntimeError) as error:  # no inotify, the watch limit, no folder
                if self._failures == 0:
                    _log.warning(
                        "[Main] %s cannot be watched (%s): use `fishd reload` after saving it",
                        self._path,
                        error,
                    )
                pause_s = self._backoff_s[min(self._failures, len(self._backoff_s) - 1)]
                self._failures += 1
                await asyncio.sleep(pause_s)

    async def _watch(self) -> None:
        """Until a folder is replaced by another of its name. Raises OSError or RuntimeError."""
        folders = _folders(self._path)
        inodes = _inodes(folders)
        stop = _StopFlag()
        notify = RustNotify(list(folders), False, "WATCHFILES_FORCE_POLLING" in os.environ, 300, False, True)
        self._failures = 0
        try:
            await self._compare()  # what was saved before the watch was in place
            while (_folders(self._path), _inodes(folders)) == (folders, inodes):
                seen = await asyncio.to_thread(notify.watch, DEBOUNCE_MS, STEP_MS, IDLE_MS, stop)
                if isinstance(seen, set):
                    await self._compare()
        finally:
            stop.requested = True
            with suppress(RuntimeError):  # it would hide a cancellation
                notify.close()

    async def _compare(self) -> None:
        """Report new content once two reads agree on it."""
        found = await _read(self._path)
        while found not in (None, self._known):
            await asyncio.sleep(STEADY_S)
            before, found = found, await _read(self._path)
            if before == found:
                self._known = found
                self._on_change()


class _StopFlag:
    """Tells the watch thread to return."""

    requested = False

    def is_set(self) -> bool:
        return self.requested


async def _read(path: Path) -> bytes | None:
    try:
        async with aiofiles.open(path, "rb") as file:
            return _saved(await file.read())
    except OSError:
        return None


def _saved(content: bytes) -> bytes | None:
    """None for what an unfinished save leaves."""
    return content if content.strip() else None


def _folders(path: Path) -> tuple[str, ...]:
    """The folders to watch: the file's own and, where it is a link, its target's."""
    own = path.absolute().parent
    return tuple(dict.fromkeys(str(folder) for folder in (own, path.resolve().parent)))


def _inodes(folders: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Raises OSError when a folder is gone."""
    stats = [Path(folder).stat() for folder in folders]
    return tuple((stat.st_dev, stat.st_ino) for stat in stats)
