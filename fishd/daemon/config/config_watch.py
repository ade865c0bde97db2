"""Saving config.toml reloads it: a watch on the file's folder.

Editors write beside the file and rename, or empty it and write it again; so its folder is watched, and what
is in the file is compared, once it has been the same twice. A touch changes nothing. An empty file is what
a save leaves that failed, or is half done: only `fishd reload` takes one. watchfiles' Rust side is used
directly, as its documentation allows: the watch must stand before the file is read.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from watchfiles._rust_notify import RustNotify

_log = logging.getLogger("fishd.main")
STEP_MS = 250  # how long the folder must be quiet; the watch thread wakes as often
DEBOUNCE_MS = 1_000  # a folder that is never quiet is looked at this often
IDLE_MS = 5_000
STEADY_S = 0.1  # between the two looks that must be the same
BACKOFF_S = (1.0, 5.0, 30.0, 300.0)


class ConfigWatch:
    """Calls `saved` whenever what is in the file has changed."""

    def __init__(
        self, path: Path, saved: Callable[[], object], *, backoff_s: Sequence[float] = BACKOFF_S
    ) -> None:
        self._path = path
        self._saved = saved
        self._backoff_s = backoff_s
        # The mutable state.
        self._known = _fingerprint(path)
        self._failures = 0  # in a row

    async def run(self) -> None:
        """Until cancelled. That the kernel gives no watch is said once, and tried again."""
        while True:
            try:
                await self._watch()
            except (OSError, RuntimeError) as error:  # no inotify, the watch limit, no folder
                if self._failures == 0:
                    _log.warning(
                        "[Main] saving %s goes unnoticed (%s): use `fishd reload`", self._path, error
                    )
                pause_s = self._backoff_s[min(self._failures, len(self._backoff_s) - 1)]
                self._failures += 1
                await asyncio.sleep(pause_s)

    async def _watch(self) -> None:
        """Until a folder is replaced by another of its name. Raises OSError or RuntimeError."""
        folders = _folders(self._path)
        inodes = _inodes(folders)
        closing = _Closing()
        notify = RustNotify(list(folders), False, "WATCHFILES_FORCE_POLLING" in os.environ, 300, False, True)
        self._failures = 0
        try:
            await self._compare()  # what was saved before the watch stood
            while (_folders(self._path), _inodes(folders)) == (folders, inodes):
                seen = await asyncio.to_thread(notify.watch, DEBOUNCE_MS, STEP_MS, IDLE_MS, closing)
                if isinstance(seen, set):
                    await self._compare()
        finally:
            closing.asked = True
            with suppress(RuntimeError):  # in the place of a cancel it would be caught and tried again
                notify.close()

    async def _compare(self) -> None:
        """Say so if there is something else in the file than before, and it is all there."""
        found = await asyncio.to_thread(_fingerprint, self._path)
        while found not in (None, self._known):
            await asyncio.sleep(STEADY_S)
            seen, found = found, await asyncio.to_thread(_fingerprint, self._path)
            if seen == found:
                self._known = found
                self._saved()


class _Closing:
    """For the watch thread: whether it is to return."""

    asked = False

    def is_set(self) -> bool:
        return self.asked


def _fingerprint(path: Path) -> bytes | None:
    """What tells this content from another; None if there is none to take."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return sha256(content).digest() if content.strip() else None


def _folders(path: Path) -> tuple[str, ...]:
    """Where changes of the file show: its own folder and, where it is a link, its target's."""
    own = path.absolute().parent
    return tuple(dict.fromkeys(str(folder) for folder in (own, path.resolve().parent)))


def _inodes(folders: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Raises OSError when a folder is gone."""
    facts = [Path(folder).stat() for folder in folders]
    return tuple((fact.st_dev, fact.st_ino) for fact in facts)
