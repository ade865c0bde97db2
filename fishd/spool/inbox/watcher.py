"""The alarm clock: says that something may have happened in the inbox, so that the scan comes sooner.

It may be late, deaf or out; the scan is the truth. It watches the inbox and, while bundles settle, their
top folders (for a `.ready` that is made there). It starts itself again when the kernel, a name or a
replaced folder breaks it. watchfiles' Rust side is used directly, as its documentation allows: the watch
must stand before the first scan, and how long it waits changes with what settles.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

from watchfiles._rust_notify import RustNotify

STEP_MS = 25  # the watch thread looks this often: part of the time from drop to claim, and the idle CPU
DEBOUNCE_MS = 60  # while more changes come in, say so at least this often
BUSY_MS = 100  # how soon the set of settling bundles is looked at again
IDLE_MS = 1_000
MOST_SETTLING = 64  # folders that are watched beside the inbox
BACKOFF_S = (0.0, 0.1, 1.0, 5.0, 30.0)
OUT_AFTER = 3  # failures in a row: one odd name is no reason to worry anybody


async def watch_inbox(
    inbox: Path,
    stop: asyncio.Event,
    settling: Callable[[], Collection[str]] = tuple,
    said: Callable[[str], None] = lambda _: None,
    backoff_s: Sequence[float] = BACKOFF_S,
) -> AsyncGenerator[None]:
    """Yield whenever a scan is worth its while, until `stop` is set: at once, then after each change.

    `settling` gives the names of the bundles that are waited for; `said` is told once when the alarm is
    out and once when it is back. Occupies one thread of the loop's default executor. Close it with
    `contextlib.aclosing`, or let it run to its end.
    """
    failures = 0
    while not stop.is_set():
        try:
            watch = _Watch(inbox, _settling_folders(inbox, settling), stop)
            try:
                yield  # for what came before the watch stood
                while not stop.is_set() and watch.is_good(settling):
                    is_changed = await watch.changed()
                    if failures >= OUT_AFTER:
                        said("the alarm is back: a drop is seen at once")
                    failures = 0
                    if is_changed:
                        yield
            finally:
                watch.close()
        except (
            OSError,
            RuntimeError,
        ) as error:  # the watch limit, no inotify, no inbox, a name that is no UTF-8
            failures += 1
            if failures == OUT_AFTER:
                said(f"the alarm is out ({error}); the inbox is still scanned regularly")
            await _pause(stop, backoff_s[min(failures, len(backoff_s)) - 1])


class _Watch:
    """One watch on an inbox as it was at the start."""

    def __init__(self, inbox: Path, folders: frozenset[str], stop: asyncio.Event) -> None:
        """Raise OSError or RuntimeError if the kernel does not let us watch."""
        self._inbox = inbox
        self._folders = folders
        self._stop = stop
        self._is_closed = False
        self._was_changed = True  # perhaps: nobody has looked yet
        self._identity = _identity(inbox)
        force_polling = "WATCHFILES_FORCE_POLLING" in os.environ
        present = [folder for folder in folders if Path(folder).is_dir()]
        self._notify = RustNotify([str(inbox), *present], False, force_polling, 300, False, True)

    async def changed(self) -> bool:
        """Wait for a change, but not long; whether there was one."""
        wait_ms = BUSY_MS if self._folders or self._was_changed else IDLE_MS
        try:
            seen = await asyncio.to_thread(self._notify.watch, DEBOUNCE_MS, STEP_MS, wait_ms, self)
        except asyncio.CancelledError:
            self._is_closed = True  # the thread sees it at its next step
            raise
        self._was_changed = isinstance(seen, set)
        return self._was_changed

    def is_set(self) -> bool:
        """For the watch thread: whether it is to return."""
        return self._is_closed or self._stop.is_set()

    def is_good(self, settling: Callable[[], Collection[str]]) -> bool:
        """Whether it watches what is to be watched. Raises OSError if the inbox is gone."""
        return (
            _identity(self._inbox) == self._identity
            and _settling_folders(self._inbox, settling) == self._folders
        )

    def close(self) -> None:
        self._is_closed = True
        self._notify.close()


def _settling_folders(inbox: Path, settling: Callable[[], Collection[str]]) -> frozenset[str]:
    names = [name for name in settling() if name.isprintable()]  # a stray byte in a name kills the watch
    return frozenset(str(inbox / name) for name in names[:MOST_SETTLING])


def _identity(folder: Path) -> tuple[int, int]:
    facts = folder.stat()
    return facts.st_dev, facts.st_ino


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
