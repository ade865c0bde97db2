"""The pulse: one letter at a time, through the mailbox; time passes when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fishd.daemon.watchdog import Heartbeat, Watchdog
from fishd.host.systemd import Notifier
from tests.daemon.service_manager import Manager, manager


class Heart:
    """A pulse with its mailbox, and the alarms that it has set: after so many seconds, what to do."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.mailbox: list[Heartbeat] = []
        self.alarms: list[tuple[float, Callable[[], None]]] = []
        self.notifier = Notifier(environ)
        self.pulse = Watchdog(self.notifier, self.mailbox.append, self._later)

    def _later(self, after_s: float, do: Callable[[], None]) -> None:
        self.alarms.append((after_s, do))


def keys(heard: Manager) -> list[str]:
    heard.hear_the_rest()
    return [next(iter(said)) for said in heard.said]


def test_the_next_beat_comes_only_after_the_last_was_opened(tmp_path: Path) -> None:
    """A mailbox that opens nothing gets nothing more, and the watchdog nothing at all."""
    with manager(tmp_path) as heard:
        heart = Heart(heard.env(watchdog_s=4.0))
        heart.pulse.start()
        assert ([Heartbeat()], [], []) == (heart.mailbox, heart.alarms, keys(heard))

        heart.mailbox.pop()
        heart.pulse.on_heartbeat(is_loading=False)
        ((after_s, ring),) = heart.alarms
        assert (["WATCHDOG"], [], 2.0) == (keys(heard), heart.mailbox, after_s)

        ring()
        assert [Heartbeat()] == heart.mailbox


def test_a_patient_watchdog_is_fed_every_ten_seconds_all_the_same(tmp_path: Path) -> None:
    """So that more time is asked for as often while an engine loads."""
    with manager(tmp_path) as heard:
        heart = Heart(heard.env(watchdog_s=3600.0))
        heart.pulse.on_heartbeat(is_loading=False)
        assert [10.0] == [after_s for after_s, _ in heart.alarms]


def test_more_time_is_asked_for_only_while_the_first_engine_loads(tmp_path: Path) -> None:
    """Once ready, a worker that loads is nobody's business."""
    with manager(tmp_path) as heard:
        heart = Heart(heard.env())
        heart.pulse.on_heartbeat(is_loading=True)
        heart.notifier.ready()
        heart.pulse.on_heartbeat(is_loading=True)
        assert ["WATCHDOG", "EXTEND_TIMEOUT_USEC", "READY", "WATCHDOG"] == keys(heard)


def test_without_a_manager_there_is_no_pulse() -> None:
    """A daemon in a terminal is not woken for nothing."""
    heart = Heart({})
    heart.pulse.start()
    assert ([], []) == (heart.mailbox, heart.alarms)
