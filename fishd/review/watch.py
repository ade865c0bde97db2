"""Watches the spool and tells the hub: the daemon's status, and results that appear, change or go.

File events make it prompt; every few seconds it looks without one, as some file systems report none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]  # a type of trio

from fishd.core.model.status import JobSnapshot, Status
from fishd.host.status_file import BadStatus, read_status, why_not_running
from fishd.review.hub import STATUS, Change, Hub
from fishd.spool.endings import is_request

DEBOUNCE_MS = 60
STEP_MS = 15
TICK_MS = 3_000
RETRY_S = 2.0


class LiveStatus(msgspec.Struct, frozen=True):
    """What a page shows of the daemon: why it does not run, or ""; the jobs in work; bundles in the inbox."""

    trouble: str
    jobs: tuple[JobSnapshot, ...] = ()
    waiting: int = 0


async def watch(root: Path, hub: Hub) -> None:
    """Until it is cancelled."""
    while True:
        hub.status = await asyncio.to_thread(live_status, root)
        hub.publish(STATUS, None)
        try:
            async for changes in awatch(
                root,
                root / "outbox",
                root / "archive",
                watch_filter=None,
                recursive=False,
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                rust_timeout=TICK_MS,
                yield_on_timeout=True,
            ):
                await _report(root, hub, {Path(path) for _, path in changes})
        except (OSError, RuntimeError):  # the folder is gone, or the system's watches are used up
            await asyncio.sleep(RETRY_S)


async def _report(root: Path, hub: Hub, paths: Iterable[Path]) -> None:
    changes = [change for path in paths for change in _changes(root, path)]
    status = await asyncio.to_thread(live_status, root)
    if status != hub.status or changes:
        hub.status = status
        hub.publish(STATUS, *changes)


def _changes(root: Path, path: Path) -> Iterator[Change]:
    """A result has changed; a request, whose job only its content tells, was refused."""
    if path.parent == root / "outbox" and not path.name.startswith("."):
        yield path.name
    elif path.parent == root / "archive" and is_request(path.name):
        yield None


def live_status(root: Path) -> str:
    """LiveStatus as JSON."""
    try:
        status = read_status(root / "status.json")
    except BadStatus as error:
        return _encoded(LiveStatus(str(error)))
    trouble = why_not_running(status, root)
    if status is None or trouble:
        return _encoded(LiveStatus(trouble or ""))
    return _encoded(_of(status))


def _of(status: Status) -> LiveStatus:
    return LiveStatus("", status.jobs, status.waiting)


def _encoded(status: LiveStatus) -> str:
    return msgspec.json.encode(status).decode()
