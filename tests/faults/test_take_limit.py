"""Failed takes are journaled: a segment gets no additional takes because the daemon was killed."""

from __future__ import annotations

import re
from pathlib import Path

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon

LINES = {"Ada": ["Poison.", *(f"Line {n}." for n in range(4)), "Endless."]}  # keeps the job unfinished


def failed_takes(daemon: DaemonProcess) -> list[str]:
    """The number of each failed take of the first segment, from the log."""
    return re.findall(r"segment 001, take (\d+): ", daemon.log())


def test_a_segment_that_failed_before_a_kill_is_not_spoken_again(tmp_path: Path) -> None:
    """Its failure, its takes and its reason are read from the journal."""
    faults = {"Poison": "fail", "Endless": "steps"}
    with running_daemon(
        tmp_path / "daemon", {"pool": {"cpu_workers": 1}}, faults=faults, capacity=8
    ) as daemon:
        daemon.drop(make_bundle(tmp_path / "job", LINES))
        daemon.wait_for_log("the segment has failed")
        daemon.wait_until(
            lambda: [1, 2, 3] == [line["takes"] for line in daemon.journal("job", "failed")], "three takes"
        )
        daemon.kill()
        assert ["1", "2", "3"] == failed_takes(daemon)
        daemon.write_config({"pool": {"cpu_workers": 1}})
        daemon.start()
        segments = daemon.wait_for_result("job")["speakers"][0]["segments"]
        assert ["failed", *["done"] * 5] == [segment["status"] for segment in segments]
        assert (3, "it was told to fail (3 takes)") == (segments[0]["takes"], segments[0]["error"])
        assert ["1", "2", "3"] == failed_takes(daemon)


def test_a_segment_that_kills_workers_gets_only_its_remaining_takes_after_a_restart(tmp_path: Path) -> None:
    """It killed two workers before the daemon was killed: the third take is its last."""
    faults = {"Poison": "kill", "Endless": "steps"}
    config = {"pool": {"cpu_workers": 2}}
    with running_daemon(tmp_path / "daemon", config, faults=faults) as daemon:
        daemon.drop(make_bundle(tmp_path / "job", LINES))
        daemon.wait_until(lambda: len(daemon.journal("job", "failed")) >= 2, "two failed takes")
        daemon.kill()
        num_failed = daemon.journal("job", "failed")[-1]["takes"]
        daemon.write_config({**config, "engine": {"options": {"faults": {"Poison": "kill"}}}})
        daemon.start()
        segments = daemon.wait_for_result("job")["speakers"][0]["segments"]
        assert ["failed", *["done"] * 5] == [segment["status"] for segment in segments]
        assert 3 == segments[0]["takes"]
        assert num_failed in (2, 3)
