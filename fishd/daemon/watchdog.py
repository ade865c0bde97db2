"""The daemon's pulse, for systemd's watchdog: a letter that goes through the mailbox like any other.

The next beat is sent only after the last one was opened. Whatever holds the mailbox up, a blocked loop or a
letter that is never done, holds the pulse up too, and systemd restarts a daemon without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fishd.host.systemd import Notifier

EVERY_S = 10.0
LOADING_S = 60.0  # what a start asks for at each beat while an engine is being loaded


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The pulse's letter."""


def call_later(after_s: float, do: Callable[[], None]) -> None:
    """By the running loop's clock."""
    asyncio.get_running_loop().call_later(after_s, do)


class Watchdog:
    """`post` puts a beat into the mailbox; whoever opens it there says `felt`."""

    def __init__(
        self,
        notifier: Notifier,
        post: Callable[[Heartbeat], None],
        later: Callable[[float, Callable[[], None]], object] = call_later,
    ) -> None:
        self._notifier = notifier
        self._post = post
        self._later = later
        self._every_s = min(notifier.watchdog_s or EVERY_S, EVERY_S)

    def start(self) -> None:
        """Nobody listens, no pulse."""
        if self._notifier.is_heard:
            self._post(Heartbeat())

    def on_heartbeat(self, *, is_loading: bool) -> None:
        """A beat's turn has come."""
        self._notifier.watchdog()
        if is_loading and not self._notifier.is_ready:
            self._notifier.extend_timeout(LOADING_S)
        self._later(self._every_s, lambda: self._post(Heartbeat()))
