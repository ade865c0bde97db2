"""What the real daemon tells its service manager, and when."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import LIMIT_S, ROOT, DaemonProcess
from tests.daemon.service_manager import Manager, manager

FREEZE = """
import signal, time
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(600))
"""


@contextlib.contextmanager
def managed(
    folder: Path, config: dict[str, Any] | None = None, env: dict[str, str] | None = None, **options: Any
) -> Iterator[tuple[DaemonProcess, Manager]]:
    """A started daemon with its manager; `options` are the engine's."""
    config = {"pool": {"cpu_workers": 1}, **(config or {})}
    config["engine"] = {"options": options}
    with manager(folder) as heard:
        daemon = DaemonProcess(folder, config)
        daemon.start(env={**heard.env(), **(env or {})})
        assert daemon.process
        try:
            yield daemon, heard
        finally:
            if daemon.process.poll() is None:
                daemon.kill()


def send(daemon: DaemonProcess, number: signal.Signals) -> None:
    assert daemon.process
    daemon.process.send_signal(number)


def test_ready_is_said_once_when_a_worker_has_loaded(tmp_path: Path) -> None:
    """A start that waits for READY can drop bundles and have them spoken."""
    with managed(tmp_path, {"pool": {"cpu_workers": 2}}) as (daemon, heard):
        heard.hear_of("READY", "1")
        assert "ready: noop" in daemon.log()
        daemon.wait_until(lambda: daemon.log().count("ready: noop") == 2, "the second worker")
        assert daemon.stop() == 0
        heard.hear_the_rest()
        assert sum("READY" in said for said in heard.said) == 1


def test_while_an_engine_loads_the_start_gets_more_time(tmp_path: Path) -> None:
    """A model of minutes does not time out; READY is not said before it is loaded, nor after a reload."""
    with managed(tmp_path, load="hang") as (daemon, heard):
        heard.hear_of("EXTEND_TIMEOUT_USEC")
        send(daemon, signal.SIGHUP)
        daemon.wait_for_log("the configuration was reloaded")
        heard.hear_of("EXTEND_TIMEOUT_USEC")
        assert not heard.has_heard("READY")
        assert not heard.has_heard("RELOADING")


def test_the_status_says_what_is_under_way(tmp_path: Path) -> None:
    """`systemctl status` shows jobs, segments and workers in one line."""
    gate = tmp_path / "gate"
    with managed(tmp_path, gate=str(gate)) as (daemon, heard):
        heard.hear_of("STATUS", "idle, 1 worker")
        daemon.drop(make_bundle(tmp_path / "two-lines", {"Ada": ["One.", "Two."]}))
        heard.hear_of("STATUS", "1 job, 0/2 segments, 1 worker")
        gate.touch()
        daemon.wait_for_result("two-lines")
        heard.hear_of("STATUS", "idle, 1 worker")


@pytest.mark.parametrize("workers", [2, "many"], ids=["a good file", "a bad file"])
def test_a_reload_is_framed_by_reloading_and_ready(tmp_path: Path, workers: int | str) -> None:
    """RELOADING comes with the monotonic clock, and a READY follows, whether the file is good or bad."""
    with managed(tmp_path) as (daemon, heard):
        heard.hear_of("READY")
        daemon.write_config({"pool": {"cpu_workers": workers}})
        send(daemon, signal.SIGHUP)
        reloading = heard.hear_of("RELOADING", "1")
        assert int(reloading["MONOTONIC_USEC"]) > 0
        heard.hear_of("READY", "1")


def test_a_stop_is_said_and_asks_for_the_time_that_it_needs(tmp_path: Path) -> None:
    """STOPPING, then time for the takes in hand: drain_s and something for the last publish."""
    gate = tmp_path / "gate"
    config = {"pool": {"cpu_workers": 1, "drain_s": 33.0}}
    with managed(tmp_path, config, gate=str(gate)) as (daemon, heard):
        daemon.drop(make_bundle(tmp_path / "one-line"))
        daemon.wait_for_log("Launching Worker 0 on CPU for Speaker 0")
        send(daemon, signal.SIGTERM)
        heard.hear_of("STOPPING", "1")
        assert 33e6 < int(heard.hear_of("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"]) < 63e6
        assert "stopping" in heard.hear_of("STATUS")["STATUS"]
        gate.touch()
        assert daemon.process
        assert daemon.process.wait(LIMIT_S) == 0
        assert daemon.result("one-line")["status"] == "done"


def test_a_stop_is_well_even_after_jobs_that_failed(tmp_path: Path) -> None:
    """A bad bundle is no fault of the service: systemd must not call it failed."""
    with managed(tmp_path) as (daemon, heard):
        heard.hear_of("READY")
        daemon.drop(make_bundle(tmp_path / "bad", {"Ada": [" "]}))
        assert daemon.wait_for_result("bad")["status"] == "rejected"
        assert daemon.stop() == 0


def test_a_stuck_mailbox_feeds_no_watchdog_and_its_abort_tells_where(tmp_path: Path) -> None:
    """Each beat goes through the mailbox; SIGABRT, as the watchdog sends it, leaves the Python stack."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FREEZE)
    env = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}", "PYTHONFAULTHANDLER": "1"}
    with managed(tmp_path, env=env) as (daemon, heard):
        heard.hear_of("READY")
        for _ in range(3):
            heard.hear_of("WATCHDOG", "1")
        send(daemon, signal.SIGUSR2)
        while (said := heard.hear(timeout_s=1.0)) is not None:  # five times as long as it may take
            assert "WATCHDOG" in said or "STATUS" in said
            assert len(heard.said) < 30, "the watchdog is still being fed"
        assert daemon.stop(signal.SIGABRT) == -signal.SIGABRT
        assert "sitecustomize.py" in daemon.log()
