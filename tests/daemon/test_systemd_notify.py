"""The notifications (sd_notify) that the real daemon sends to its service manager, and when."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, started_daemon
from tests.daemon.service_manager import ServiceManager, service_manager
from tests.shell.cli import ROOT

BLOCK_ON_SIGUSR2 = """
import signal, time
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(600))
"""


@contextlib.contextmanager
def managed_daemon(
    folder: Path, config: dict[str, Any] | None = None, env: dict[str, str] | None = None, **options: Any
) -> Iterator[tuple[DaemonProcess, ServiceManager]]:
    """A started daemon with its manager; `options` are the engine's."""
    config = {"pool": {"cpu_workers": 1}, **(config or {}), "engine": {"options": options}}
    with (
        service_manager(folder) as manager,
        started_daemon(DaemonProcess(folder, config), env={**manager.env(), **(env or {})}) as daemon,
    ):
        yield daemon, manager


def test_ready_is_sent_once_when_the_first_worker_has_loaded(tmp_path: Path) -> None:
    """`systemctl start` returns when dropped bundles will be spoken."""
    with managed_daemon(tmp_path, {"pool": {"cpu_workers": 2}}) as (daemon, manager):
        manager.receive_variable("READY", "1")
        assert "ready: noop" in daemon.log()
        daemon.wait_for_log("ready: noop", times=2)
        assert daemon.stop() == 0
        manager.receive_pending()
        assert sum("READY" in datagram for datagram in manager.received) == 1


def test_the_start_is_extended_while_an_engine_loads(tmp_path: Path) -> None:
    """READY is not sent before the engine is loaded, even after a reload."""
    with managed_daemon(tmp_path, load="hang") as (daemon, manager):
        manager.receive_variable("EXTEND_TIMEOUT_USEC")
        daemon.reload()
        daemon.wait_for_log("the configuration was reloaded")
        manager.receive_variable("EXTEND_TIMEOUT_USEC")
        assert not manager.has_received("READY")
        assert not manager.has_received("RELOADING")


def test_the_status_counts_jobs_segments_and_workers(tmp_path: Path) -> None:
    """`systemctl status` shows it in one line."""
    gate = tmp_path / "gate"
    with managed_daemon(tmp_path, gate=str(gate)) as (daemon, manager):
        manager.receive_variable("STATUS", "idle, 1 worker")
        daemon.drop(make_bundle(tmp_path / "two-lines", {"Ada": ["One.", "Two."]}))
        manager.receive_variable("STATUS", "1 job, 0/2 segments, 1 worker")
        gate.touch()
        daemon.wait_for_result("two-lines")
        manager.receive_variable("STATUS", "idle, 1 worker")


@pytest.mark.parametrize("workers", [2, "many"], ids=["a good file", "a bad file"])
def test_a_reload_sends_reloading_and_then_ready(tmp_path: Path, workers: int | str) -> None:
    """RELOADING has the monotonic time; READY follows even if the file is rejected."""
    with managed_daemon(tmp_path) as (daemon, manager):
        manager.receive_variable("READY")
        daemon.write_config({"pool": {"cpu_workers": workers}})
        daemon.reload()
        reloading = manager.receive_variable("RELOADING", "1")
        assert int(reloading["MONOTONIC_USEC"]) > 0
        manager.receive_variable("READY", "1")


def test_stopping_requests_the_time_that_the_takes_in_flight_may_need(tmp_path: Path) -> None:
    """It is drain_s and a margin for the last publication."""
    gate = tmp_path / "gate"
    config = {"pool": {"cpu_workers": 1, "drain_s": 33.0}}
    with managed_daemon(tmp_path, config, gate=str(gate)) as (daemon, manager):
        daemon.drop(make_bundle(tmp_path / "one-line"))
        daemon.wait_for_log("Launching Worker 0 on CPU for Speaker 0")
        daemon.process.send_signal(signal.SIGTERM)
        manager.receive_variable("STOPPING", "1")
        extended = manager.receive_variable("EXTEND_TIMEOUT_USEC")
        assert 33e6 < int(extended["EXTEND_TIMEOUT_USEC"]) < 63e6
        assert "stopping" in manager.receive_variable("STATUS")["STATUS"]
        gate.touch()
        assert daemon.wait() == 0
        assert daemon.result("one-line")["status"] == "done"


def test_the_exit_code_is_0_even_after_a_rejected_job(tmp_path: Path) -> None:
    """A bad bundle must not make systemd call the service failed."""
    with managed_daemon(tmp_path) as (daemon, manager):
        manager.receive_variable("READY")
        daemon.drop(make_bundle(tmp_path / "bad", {"Ada": [" "]}))
        assert daemon.wait_for_result("bad")["status"] == "rejected"
        assert daemon.stop() == 0


def test_a_blocked_mailbox_stops_the_watchdog_messages_and_sigabrt_prints_the_stack(tmp_path: Path) -> None:
    """systemd's watchdog sends SIGABRT; the Python stack shows what blocks."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BLOCK_ON_SIGUSR2)
    env = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}", "PYTHONFAULTHANDLER": "1"}
    with managed_daemon(tmp_path, env=env) as (daemon, manager):
        manager.receive_variable("READY")
        for _ in range(3):
            manager.receive_variable("WATCHDOG", "1")
        daemon.process.send_signal(signal.SIGUSR2)
        while (datagram := manager.receive(timeout_s=1.0)) is not None:  # ten times the usual interval
            assert "WATCHDOG" in datagram or "STATUS" in datagram
            assert len(manager.received) < 30, "WATCHDOG messages continue"
        assert daemon.stop(signal.SIGABRT) == -signal.SIGABRT
        assert "sitecustomize.py" in daemon.log()
