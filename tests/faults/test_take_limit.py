"""Failed takes are journalled: a segment gets no new ones because the daemon was killed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon

LINES = {"Ada": ["Poison.", *(f"Line {n}." for n in range(4)), "Held back."]}


def failures(daemon: DaemonProcess, job: str) -> list[dict[str, object]]:
    journal = daemon.spool / "work" / job / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["is"] == "failed"]


def retries(daemon: DaemonProcess) -> list[str]:
    """The number of each take of the poison segment that failed, from the log."""
    return re.findall(r"segment 001, take (\d+): ", daemon.log())


def test_a_segment_that_failed_before_a_kill_is_not_spoken_again(tmp_path: Path) -> None:
    """Its failure, its takes and its reason come out of the journal."""
    faults = {"Poison": "fail", "Held back": "steps"}
    with running_daemon(
        tmp_path / "daemon", {"pool": {"cpu_workers": 1}}, faults=faults, capacity=8
    ) as daemon:
        daemon.drop(make_bundle(tmp_path / "job", LINES))
        daemon.wait_for_log("the segment has failed")
        daemon.wait_until(
            lambda: [1, 2, 3] == [line["takes"] for line in failures(daemon, "job")], "three takes"
        )
        daemon.kill()
        assert ["1", "2", "3"] == retries(daemon)
        daemon.write_config({"pool": {"cpu_workers": 1}})
        daemon.start()
        segments = daemon.wait_for_result("job")["speakers"][0]["segments"]
        assert ["failed", *["done"] * 5] == [segment["status"] for segment in segments]
        assert (3, "it was told to fail (3 takes)") == (segments[0]["takes"], segments[0]["error"])
        assert ["1", "2", "3"] == retries(daemon)


def test_a_segment_that_ends_workers_gets_only_the_takes_that_it_has_left(tmp_path: Path) -> None:
    """Two workers died of it before the kill: the third take, alone, is its last."""
    faults = {"Poison": "kill", "Held back": "steps"}
    config = {"pool": {"cpu_workers": 2}}
    with running_daemon(tmp_path / "daemon", config, faults=faults) as daemon:
        daemon.drop(make_bundle(tmp_path / "job", LINES))
        daemon.wait_until(lambda: len(failures_if_any(daemon)) >= 2, "two deaths")
        daemon.kill()
        spent = failures(daemon, "job")[-1]["takes"]
        daemon.write_config({**config, "engine": {"options": {"faults": {"Poison": "kill"}}}})
        daemon.start()
        segments = daemon.wait_for_result("job")["speakers"][0]["segments"]
        assert ["failed", *["done"] * 5] == [segment["status"] for segment in segments]
        assert 3 == segments[0]["takes"]
        assert spent in (2, 3)


def failures_if_any(daemon: DaemonProcess) -> list[dict[str, object]]:
    try:
        return failures(daemon, "job")
    except FileNotFoundError:
        return []
