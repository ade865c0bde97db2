"""The limits on references in config.toml apply where the audio is decoded: in the workers."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon


def outcome(daemon: DaemonProcess, folder: Path) -> tuple[str, list[str]]:
    """The status, errors and warnings of a job with one reference of 1.5 s."""
    daemon.drop(make_bundle(folder))
    result = daemon.wait_for_result(folder.name)
    return result["status"], [problem["what"] for problem in result["errors"] + result["warnings"]]


def test_limits_on_references_apply_in_the_worker_and_change_with_a_reload(tmp_path: Path) -> None:
    """A clip of 1.5 s is too short, then too long, then accepted with a warning."""
    outcomes = []
    with running_daemon(tmp_path / "daemon", {"limits": {"min_reference_s": 3.0}}) as daemon:
        outcomes.append(outcome(daemon, tmp_path / "short"))
        for n, limits in enumerate(({"max_reference_s": 1.2}, {"long_reference_s": 1.4}), start=1):
            daemon.write_config({"limits": limits})
            daemon.wait_for_log("was reloaded", times=n)
            outcomes.append(outcome(daemon, tmp_path / f"after{n}"))
    assert [
        ("rejected", ["is 1.50 s long; at least 3 s of speech are needed"]),
        ("rejected", ["is over 1.2 s long; 10 to 30 s work best"]),
        ("done", ["is 1.5 s long; 10 to 30 s work as well and load faster"]),
    ] == outcomes
