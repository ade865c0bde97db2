"""The daemon killed before every single step of a job that changes the spool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import LIMIT_S, ROOT, DaemonProcess
from tests.faults.spool_contents import outcome_of, spoken_in

LINES = {"Ada": ["First.", "Second."]}
TEXT_OF = {("NAME", "clips/Ada/001.wav"): "First.", ("NAME", "clips/Ada/002.wav"): "Second."}
A_FEW = 3


def run_daemon(daemon: DaemonProcess, last: int | None = None) -> int:
    """Run a daemon that is killed before step `last`, or processes the inbox; the exit code."""
    steps = daemon.folder / "steps"
    arguments = [str(daemon.config_path), str(steps), *([] if last is None else [str(last)])]
    with daemon.log_path.open("ab") as log:
        return subprocess.run(
            [sys.executable, "-m", "tests.faults.crash_at_step", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
            check=False,
        ).returncode


def prepare(folder: Path) -> DaemonProcess:
    """A spool with one job in its inbox."""
    options = {"ledger": str(folder / "ledger"), "by_seed": True}
    daemon = DaemonProcess(folder, {"engine": {"options": options}, "pool": {"cpu_workers": 1}})
    (make_bundle(daemon.spool / "inbox" / "NAME", LINES) / ".ready").touch()
    return daemon


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], int]:
    """The outbox of a run without a kill, and the number of its steps."""
    daemon = prepare(tmp_path_factory.mktemp("undisturbed"))
    assert 0 == run_daemon(daemon), daemon.log()
    num_steps = int((daemon.folder / "steps").read_text())
    assert num_steps > 20
    return outcome_of(daemon.spool), num_steps


def check_steps(folder: Path, steps: range, undisturbed: dict[str, object]) -> None:
    for last in steps:
        daemon = prepare(folder / str(last))
        assert -signal.SIGKILL == run_daemon(daemon, last), daemon.log()
        finished = spoken_in(daemon.spool)
        assert 0 == run_daemon(daemon), f"killed before step {last}: {daemon.log()}"
        spoken = (daemon.folder / "ledger").read_text().splitlines()
        assert undisturbed == outcome_of(daemon.spool), f"killed before step {last}"
        assert all(spoken.count(TEXT_OF[clip]) == 1 for clip in finished), f"spoken again after step {last}"
        assert not list((daemon.spool / "work").iterdir()), f"something is left after step {last}"


def test_a_kill_before_some_steps_changes_nothing(
    tmp_path: Path, undisturbed: tuple[dict[str, object], int]
) -> None:
    """From claim to archive: published once and completely, nothing finished is spoken again."""
    expected, num_steps = undisturbed
    check_steps(tmp_path, range(2, num_steps, num_steps // A_FEW), expected)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(8))
def test_a_kill_before_any_step_changes_nothing(
    tmp_path: Path, undisturbed: tuple[dict[str, object], int], first: int
) -> None:
    """The same at every step."""
    expected, num_steps = undisturbed
    check_steps(tmp_path, range(first, num_steps, 8), expected)
