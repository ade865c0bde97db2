"""Watchdog heartbeats, with a mailbox and a clock that the test controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fishd.daemon.watchdog import Heartbeat, Watchdog
from fishd.host.systemd import Notifier
from tests.daemon.service_manager import service_manager


class ManualWatchdog:
    """A watchdog with its mailbox, and the calls that it has scheduled: (delay, function)."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.mailbox: list[Heartbeat] = []
        self.scheduled: list[tuple[float, Callable[[], None]]] = []
        self.notifier = Notifier(environ)
        self.watchdog = Watchdog(self.notifier, self.mailbox.append, self._later)

    def _later(self, after_s: float, do: Callable[[], None]) -> None:
        self.scheduled.append((after_s, do))


def test_the_next_heartbeat_is_posted_only_after_the_last_one_was_handled(tmp_path: Path) -> None:
    """A mailbox that is not served gets no second heartbeat, and systemd gets no WATCHDOG."""
    with service_manager(tmp_path) as manager:
        manual = ManualWatchdog(manager.env(watchdog_s=4.0))
        manual.watchdog.start()
        assert ([Heartbeat()], [], []) == (manual.mailbox, manual.scheduled, manager.receive_pending())

        manual.mailbox.pop()
        manual.watchdog.on_heartbeat(is_loading=False)
        ((after_s, post),) = manual.scheduled
        assert (["WATCHDOG"], [], 2.0) == (manager.receive_pending(), manual.mailbox, after_s)

        post()
        assert [Heartbeat()] == manual.mailbox


def test_heartbeats_are_at_most_ten_seconds_apart(tmp_path: Path) -> None:
    """A long WatchdogSec does not matter: heartbeats also extend the start while an engine loads."""
    with service_manager(tmp_path) as manager:
        manual = ManualWatchdog(manager.env(watchdog_s=3600.0))
        manual.watchdog.on_heartbeat(is_loading=False)
        assert [10.0] == [after_s for after_s, _ in manual.scheduled]


def test_the_start_is_extended_only_while_the_first_engine_loads(tmp_path: Path) -> None:
    """After READY a worker that loads changes nothing."""
    with service_manager(tmp_path) as manager:
        manual = ManualWatchdog(manager.env())
        manual.watchdog.on_heartbeat(is_loading=True)
        manual.notifier.ready()
        manual.watchdog.on_heartbeat(is_loading=True)
        assert ["WATCHDOG", "EXTEND_TIMEOUT_USEC", "READY", "WATCHDOG"] == manager.receive_pending()


def test_without_a_service_manager_there_are_no_heartbeats() -> None:
    """A daemon in a terminal is not woken needlessly."""
    manual = ManualWatchdog({})
    manual.watchdog.start()
    assert ([], []) == (manual.mailbox, manual.scheduled)
