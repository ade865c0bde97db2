"""The real daemon's pool is resized by saving config.toml, and at random moments during a job."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, running_daemon

NUM_RESIZES = 50
RELOADED = "the configuration was reloaded"
READY = "] ready: noop"


def save_as_an_editor(daemon: DaemonProcess, workers: int) -> None:
    """Write the new content beside the file, and rename it into place."""
    content = daemon.config_path.read_text()
    part = daemon.config_path.with_name("config.toml~")
    part.write_text(re.sub(r"cpu_workers = \d+", f"cpu_workers = {workers}", content))
    part.replace(daemon.config_path)


def resize(daemon: DaemonProcess, workers: int, options: Mapping[str, Any]) -> None:
    daemon.write_config({"pool": {"cpu_workers": workers}, "engine": {"options": options}})
    daemon.reload()


def test_saving_the_file_resizes_the_pool(tmp_path: Path) -> None:
    """It may be renamed into place or written in place; a touch and the same content do nothing."""
    with running_daemon(tmp_path, {"pool": {"cpu_workers": 1}}) as daemon:
        os.utime(daemon.config_path)
        save_as_an_editor(daemon, 3)
        daemon.wait_until(lambda: len(daemon.workers()) == 3, "three workers")
        save_as_an_editor(daemon, 3)
        daemon.write_config({"pool": {"cpu_workers": 2}})
        daemon.wait_until(lambda: len(daemon.workers()) == 2, "two workers")
        assert daemon.log().count(RELOADED) == 2


def test_saving_a_bad_file_changes_nothing_and_is_reported(tmp_path: Path) -> None:
    """The fault is in the log and the status; the next good file is accepted."""
    with running_daemon(tmp_path, {"pool": {"cpu_workers": 1}}) as daemon:
        daemon.config_path.write_text("[pool]\ncpu_workers = 'many'\n")
        daemon.wait_until(lambda: bool(daemon.status().get("config_faults")), "the fault")
        (fault,) = daemon.status()["config_faults"]
        assert "config.toml:2: pool.cpu_workers" in fault
        assert f"the configuration is unchanged: {fault}" in daemon.log()
        daemon.write_config({"pool": {"cpu_workers": 2}})
        daemon.wait_until(lambda: len(daemon.workers()) == 2, "two workers")
        assert daemon.status()["config_faults"] == []


def test_fifty_resizes_during_a_job_lose_nothing_and_speak_nothing_twice(tmp_path: Path) -> None:
    """The pool has 4, 2, 3 and 1 workers in turn, from random moments on."""
    chance = random.Random(4)
    lines = [f"Line {n:03}." for n in range(600)]
    bundle = make_bundle(tmp_path / "long", {"Ada": lines[:400], "Ben": lines[400:]})
    ledger = tmp_path / "ledger"
    options = {"ledger": str(ledger), "capacity": 2, "step_s": 0.05}
    with running_daemon(tmp_path / "daemon", {"pool": {"cpu_workers": 1}}, **options) as daemon:
        daemon.drop(bundle)
        for n in range(NUM_RESIZES):
            goal = min(
                read_ledger(ledger).total() + chance.randint(0, 6), len(lines) * (n + 1) // NUM_RESIZES
            )
            daemon.wait_until(lambda goal=goal: read_ledger(ledger).total() >= goal, f"{goal} lines")
            workers, num_ready = (4, 2, 3, 1)[n % 4], daemon.log().count(READY)
            resize(daemon, workers, options)
            daemon.wait_for_log(RELOADED, times=n + 1)
            if workers > 2 and chance.random() < 0.5:
                daemon.wait_for_log(READY, times=num_ready + 1)
        result = daemon.wait_for_result("long")
    assert Counter(lines) == read_ledger(ledger)
    assert len(lines) == result["totals"]["done"]
    assert {1} == {segment["takes"] for speaker in result["speakers"] for segment in speaker["segments"]}
