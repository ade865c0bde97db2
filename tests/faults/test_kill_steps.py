"""The daemon is killed before each single step of a job that changes the spool."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger
from tests.faults.spool_contents import finished_clips, outcome_of

LINES = {"Ada": ["First.", "Second."]}
TEXT_OF = {("NAME", "clips/Ada/001.wav"): "First.", ("NAME", "clips/Ada/002.wav"): "Second."}
NUM_QUICK = 3


def run_daemon(daemon: DaemonProcess, last: int | None = None) -> int:
    """Process the inbox with a daemon that is killed before step `last`, if given; the exit code."""
    crash = () if last is None else ("--last", str(last))
    return daemon.run_once(
        program=("tests.faults.crash_at_step", "--steps", str(daemon.folder / "steps"), *crash)
    )


def prepare(folder: Path) -> DaemonProcess:
    """A spool with one job in its inbox."""
    options = {"ledger": str(folder / "ledger"), "by_seed": True}
    daemon = DaemonProcess(folder, {"engine": {"options": options}, "pool": {"cpu_workers": 1}})
    make_ready_bundle(daemon.spool / "inbox" / "NAME", LINES)
    return daemon


@pytest.fixture(scope="module")
def without_kill(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], int]:
    """The outbox of a run without a kill, and the number of its steps."""
    daemon = prepare(tmp_path_factory.mktemp("without_kill"))
    assert 0 == run_daemon(daemon), daemon.log()
    num_steps = int((daemon.folder / "steps").read_text())
    assert num_steps > 20
    return outcome_of(daemon.spool), num_steps


def check_steps(folder: Path, steps: range, expected: dict[str, object]) -> None:
    for last in steps:
        daemon = prepare(folder / str(last))
        assert -signal.SIGKILL == run_daemon(daemon, last), daemon.log()
        finished = finished_clips(daemon)
        assert 0 == run_daemon(daemon), f"killed before step {last}: {daemon.log()}"
        spoken = read_ledger(daemon.folder / "ledger")
        assert expected == outcome_of(daemon.spool), f"killed before step {last}"
        assert all(spoken[TEXT_OF[clip]] == 1 for clip in finished), f"spoken again after step {last}"
        assert not list((daemon.spool / "work").iterdir()), f"something is left after step {last}"


def test_a_kill_before_some_steps_changes_nothing(
    tmp_path: Path, without_kill: tuple[dict[str, object], int]
) -> None:
    """The job is published once and completely, and no finished line is spoken again."""
    expected, num_steps = without_kill
    check_steps(tmp_path, range(2, num_steps, num_steps // NUM_QUICK), expected)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(8))
def test_a_kill_before_any_step_changes_nothing(
    tmp_path: Path, without_kill: tuple[dict[str, object], int], first: int
) -> None:
    """Each of eight tests tries every eighth step."""
    expected, num_steps = without_kill
    check_steps(tmp_path, range(first, num_steps, 8), expected)
