"""The real daemon's pool changes under a running job: by saving the file, and at random moments."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon

RESIZES = 50


def spoken(ledger: Path) -> Counter[str]:
    return Counter(ledger.read_text(encoding="utf-8").splitlines()) if ledger.exists() else Counter()


def num_workers(daemon: DaemonProcess) -> int:
    return len(daemon.status().get("workers", []))


def num_reloads(daemon: DaemonProcess) -> int:
    return daemon.log().count("the configuration was reloaded")


def save_as_an_editor(daemon: DaemonProcess, workers: int) -> None:
    """Written beside it, and put in its place."""
    old = daemon.config_path.read_text()
    part = daemon.config_path.with_name("config.toml~")
    part.write_text(old.replace(f"cpu_workers = {num_workers(daemon)}", f"cpu_workers = {workers}"))
    part.replace(daemon.config_path)


def test_saving_the_file_resizes_the_pool(tmp_path: Path) -> None:
    """Renamed into place or written in place; a touch and the same content again do nothing."""
    with running_daemon(tmp_path, {"pool": {"cpu_workers": 1}}) as daemon:
        os.utime(daemon.config_path)
        save_as_an_editor(daemon, 3)
        daemon.wait_until(lambda: num_workers(daemon) == 3, "three workers")
        save_as_an_editor(daemon, 3)
        daemon.write_config({"pool": {"cpu_workers": 2}})
        daemon.wait_until(lambda: num_workers(daemon) == 2, "two workers")
        assert num_reloads(daemon) == 2


def test_a_bad_file_that_is_saved_changes_nothing_and_is_told(tmp_path: Path) -> None:
    """Log and status name the place; the next good file is taken."""
    with running_daemon(tmp_path, {"pool": {"cpu_workers": 1}}) as daemon:
        daemon.config_path.write_text("[pool]\ncpu_workers = 'many'\n")
        daemon.wait_until(lambda: bool(daemon.status().get("config_faults")), "the fault")
        (fault,) = daemon.status()["config_faults"]
        assert "config.toml:2: pool.cpu_workers" in fault
        assert f"the configuration is unchanged: {fault}" in daemon.log()
        daemon.write_config({"pool": {"cpu_workers": 2}})
        daemon.wait_until(lambda: num_workers(daemon) == 2, "two workers")
        assert daemon.status()["config_faults"] == []


def test_fifty_resizes_under_a_job_lose_nothing_and_speak_nothing_twice(tmp_path: Path) -> None:
    """1 → 4 → 2 → 3 at random moments: every line is spoken once."""
    dice = random.Random(4)  # which moments does not matter, that they vary does
    lines = [f"Line {n:03}." for n in range(600)]
    bundle = make_bundle(tmp_path / "long", {"Ada": lines[:400], "Ben": lines[400:]})
    ledger = tmp_path / "ledger"
    options = {"ledger": str(ledger), "capacity": 2, "step_s": 0.05}
    with running_daemon(tmp_path / "daemon", {"pool": {"cpu_workers": 1}}, **options) as daemon:
        daemon.drop(bundle)
        for at in range(RESIZES):
            goal = min(spoken(ledger).total() + dice.randint(0, 6), len(lines) * (at + 1) // RESIZES)
            daemon.wait_until(lambda goal=goal: spoken(ledger).total() >= goal, f"{goal} lines")
            workers, were_ready = (4, 2, 3, 1)[at % 4], num_ready(daemon)
            resize(daemon, workers, options)
            daemon.wait_until(lambda at=at: num_reloads(daemon) > at, f"reload {at + 1}")
            if workers > 2 and dice.random() < 0.5:
                daemon.wait_until(lambda n=were_ready: num_ready(daemon) > n, "one more that is ready")
        result = daemon.wait_for_result("long")
        assert spoken(ledger) == Counter(lines)
        assert result["totals"]["done"] == len(lines)
        takes = {s["takes"] for speaker in result["speakers"] for s in speaker["segments"]}
        assert takes == {1}


def resize(daemon: DaemonProcess, workers: int, options: Mapping[str, Any]) -> None:
    assert daemon.process
    daemon.write_config({"pool": {"cpu_workers": workers}, "engine": {"options": options}})
    daemon.process.send_signal(signal.SIGHUP)


def num_ready(daemon: DaemonProcess) -> int:
    """Workers that have ever been."""
    return daemon.log().count("] ready: noop")
