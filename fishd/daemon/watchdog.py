"""Heartbeats for systemd's watchdog: messages that go through the mailbox like any other.

The next one is posted only after the last one was handled. Whatever blocks the mailbox blocks the heartbeat
too, and systemd restarts the daemon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fishd.host.systemd import Notifier

EVERY_S = 10.0
LOADING_S = 60.0  # by which each heartbeat extends the start while an engine is being loaded


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A message to show that the mailbox is served."""


def call_later(after_s: float, do: Callable[[], None]) -> None:
    """Call `do` by the running loop's clock."""
    asyncio.get_running_loop().call_later(after_s, do)


class Watchdog:
    """`post` puts a heartbeat into the mailbox, whose task then calls `on_heartbeat`."""

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
        """Without a service manager there are no heartbeats."""
        if self._notifier.is_heard:
            self._post(Heartbeat())

    def on_heartbeat(self, *, is_loading: bool) -> None:
        """Report to systemd, and post the next heartbeat later."""
        self._notifier.watchdog()
        if is_loading and not self._notifier.is_ready:
            self._notifier.extend_timeout(LOADING_S)
        self._later(self._every_s, lambda: self._post(Heartbeat()))
