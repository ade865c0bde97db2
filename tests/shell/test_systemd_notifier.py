"""The Notifier (sd_notify(3)), without and with a service manager."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import pytest

from fishd.host.systemd import Notifier
from tests.daemon.service_manager import service_manager


def test_without_a_socket_nothing_is_sent() -> None:
    """The calls have no effect."""
    notifier = Notifier({})
    notifier.ready()
    notifier.status("idle")
    assert (notifier.is_heard, notifier.is_ready) == (False, True)


def test_a_manager_that_is_gone_is_not_an_error(tmp_path: Path) -> None:
    """Datagrams to its socket are dropped."""
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_a_socket_in_the_abstract_namespace_is_used() -> None:
    """Its address begins with @; systemd may use one in a container."""
    name = f"fishd-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert sock.recv(100, socket.MSG_DONTWAIT) == b"STOPPING=1"


def test_a_reload_during_startup_sends_nothing(tmp_path: Path) -> None:
    """systemd would take its READY for that of the startup."""
    with service_manager(tmp_path) as manager:
        notifier = Notifier(manager.env())
        notifier.reloading()
        notifier.reloaded()
        assert manager.receive(0) is None
        notifier.ready()
        notifier.reloading()
        notifier.reloaded()
        assert manager.receive_pending() == ["READY", "RELOADING", "READY"]


def test_concurrent_reloads_end_together(tmp_path: Path) -> None:
    """A READY after the first would end the `systemctl reload` that waits for the second."""
    with service_manager(tmp_path) as manager:
        notifier = Notifier(manager.env())
        notifier.ready()
        for step in (notifier.reloading, notifier.reloading, notifier.reloaded):
            step()
        assert manager.receive_pending() == ["READY", "RELOADING", "RELOADING"]
        notifier.reloaded()
        assert manager.receive(0) == {"READY": "1"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_notified_twice_per_interval(environ: dict[str, str], expected: float | None) -> None:
    """It must be enabled for this process."""
    assert Notifier(environ).watchdog_s == expected
