"""Tells every open page what has changed, as server-sent events.

A change is only a name: the page asks for the rest. So what a slow reader has missed is a set of names,
however long it was away. Used on the event loop only.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

STATUS = ""  # the change of the daemon's status; all others are names of jobs
MAX_LISTENERS = 40
MAX_NAMES = 1_000
KEEP_ALIVE_S = 15.0  # a comment: writing it finds a reader that has gone
Change = str | None  # None: any job may have changed


class Hub:
    """The open pages. `status` is JSON; they get it at first, and at every change of it."""

    def __init__(self) -> None:
        self.status = "null"
        # The mutable state.
        self._listeners: set[_Listener] = set()
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        return len(self._listeners) >= MAX_LISTENERS

    def publish(self, *changes: Change) -> None:
        for listener in self._listeners:
            listener.add(changes)

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._is_closed = True
        for listener in self._listeners:
            listener.wake.set()

    async def events(self) -> AsyncGenerator[str]:
        """The events of one page, until it goes."""
        listener = _Listener()
        self._listeners.add(listener)
        try:
            listener.add((STATUS,))
            while not self._is_closed:
                for change in listener.take():
                    yield self._event(change)
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await listener.wake.wait()
                except TimeoutError:
                    yield ":\n\n"
        finally:
            self._listeners.discard(listener)

    def _event(self, change: Change) -> str:
        if change == STATUS:
            return f"event: status\ndata: {self.status}\n\n"
        return f"event: job\ndata: {json.dumps(change)}\n\n"


class _Listener:
    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._changes: dict[Change, None] = {}

    def add(self, changes: tuple[Change, ...]) -> None:
        self._changes |= dict.fromkeys(changes)
        if len(self._changes) > MAX_NAMES:
            self._changes = {STATUS: None, None: None}
        self.wake.set()

    def take(self) -> list[Change]:
        self.wake.clear()
        changes = list(self._changes)
        self._changes = {}
        return changes
