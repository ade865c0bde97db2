"""Watch the inbox for changes, so that the next scan runs soon after a drop.

Notifications are best-effort; correctness comes from rescanning. The inbox is watched and, while bundles
settle, their top folders (for a `.ready` that is created there). The watch is restarted when the kernel, a
file name or a replaced folder breaks it. watchfiles' Rust API is used directly, as its documentation allows:
the watch must be in place before the first scan, and the time to wait changes with what settles.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

from watchfiles._rust_notify import RustNotify

STEP_MS = 25  # how often the watch thread polls: part of the time from drop to claim, and of the idle CPU
DEBOUNCE_MS = 60  # while changes keep coming, report them at least this often
BUSY_MS = 100  # how soon the set of settling bundles is checked again
IDLE_MS = 1_000
MAX_SETTLING = 64  # folders that are watched beside the inbox
BACKOFF_S = (0.0, 0.1, 1.0, 5.0, 30.0)
REPORTED_FAILURES = 3  # in a row: one odd name is not worth a report


async def watch_inbox(
    inbox: Path,
    stop: asyncio.Event,
    settling: Callable[[], Collection[str]] = tuple,
    report: Callable[[str], None] = lambda _: None,
    backoff_s: Sequence[float] = BACKOFF_S,
) -> AsyncGenerator[None]:
    """Yield when a scan is due, until `stop` is set: at once, then after each change.

    `settling` gives the names of the bundles that are settling; `report` is called once when watching fails
    and once when it works again. Occupies one thread of the loop's default executor. Close it with
    `contextlib.aclosing`, or exhaust it.
    """
    failures = 0
    while not stop.is_set():
        try:
            watch = _Watch(inbox, _settling_folders(inbox, settling), stop)
            try:
                yield  # for what was dropped before the watch was in place
                while not stop.is_set() and watch.is_current(settling):
                    has_changed = await watch.wait()
                    if failures >= REPORTED_FAILURES:
                        report("inbox watch works again: drops are noticed at once")
                    failures = 0
                    if has_changed:
                        yield
            finally:
                watch.close()
        except (
            OSError,
            RuntimeError,
        ) as error:  # no watches, inotify or inbox; a bad name
            failures += 1
            if failures == REPORTED_FAILURES:
                report(f"inbox watch failed ({error}); the inbox is still scanned regularly")
            await _pause(stop, backoff_s[min(failures, len(backoff_s)) - 1])


class _Watch:
    """One watch on the inbox and on the folders that settled when it started."""

    def __init__(self, inbox: Path, folders: frozenset[str], stop: asyncio.Event) -> None:
        """Raises OSError or RuntimeError if the kernel refuses the watch."""
        self._inbox = inbox
        self._folders = folders
        self._stop = stop
        self._is_closed = False
        self._has_changed = True  # unknown until the first wait
        self._identity = _identity(inbox)
        force_polling = "WATCHFILES_FORCE_POLLING" in os.environ
        present = [folder for folder in folders if Path(folder).is_dir()]
        self._notify = RustNotify([str(inbox), *present], False, force_polling, 300, False, True)

    async def wait(self) -> bool:
        """Wait a short time for a change; whether there was one."""
        wait_ms = BUSY_MS if self._folders or self._has_changed else IDLE_MS
        try:
            changes = await asyncio.to_thread(self._notify.watch, DEBOUNCE_MS, STEP_MS, wait_ms, self)
        except asyncio.CancelledError:
            self._is_closed = True  # ends the thread at its next step
            raise
        self._has_changed = isinstance(changes, set)
        return self._has_changed

    def is_set(self) -> bool:
        """Called by the watch thread: whether it is to return."""
        return self._is_closed or self._stop.is_set()

    def is_current(self, settling: Callable[[], Collection[str]]) -> bool:
        """Whether it watches the right folders. Raises OSError if the inbox is gone."""
        return (
            _identity(self._inbox) == self._identity
            and _settling_folders(self._inbox, settling) == self._folders
        )

    def close(self) -> None:
        self._is_closed = True
        self._notify.close()


def _settling_folders(inbox: Path, settling: Callable[[], Collection[str]]) -> frozenset[str]:
    names = [name for name in settling() if name.isprintable()]  # a byte that is not UTF-8 breaks the watch
    return frozenset(str(inbox / name) for name in names[:MAX_SETTLING])


def _identity(folder: Path) -> tuple[int, int]:
    facts = folder.stat()
    return facts.st_dev, facts.st_ino


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
