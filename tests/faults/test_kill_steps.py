"""The daemon is killed before each single step of a job that changes the spool."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger
from tests.faults.spool_contents import finished_clips, outcome_of

LINES = {"Ada": ["First.", "Second."]}
OUTPUTS: dict[str, dict[str, Any]] = {  # [output] of the job
    "clips": {},
    "tracks": {"tracks": ["mix", "speakers"], "pause_s": 0.1},
}
TEXT_OF = {("NAME", "clips/Ada/001.wav"): "First.", ("NAME", "clips/Ada/002.wav"): "Second."}
NUM_QUICK = 3


@dataclass(frozen=True, slots=True)
class WithoutKill:
    """A run without a kill: the key of its job's output, its outbox, and the number of its steps."""

    output: str
    outbox: dict[str, object]
    num_steps: int


def run_daemon(daemon: DaemonProcess, last: int | None = None) -> int:
    """Process the inbox with a daemon that is killed before step `last`, if given; the exit code."""
    crash = () if last is None else ("--last", str(last))
    return daemon.run_once(
        program=("tests.faults.crash_at_step", "--steps", str(daemon.folder / "steps"), *crash)
    )


def prepare(folder: Path, output: str) -> DaemonProcess:
    """A spool with one job in its inbox, and a hook that records its runs."""
    config = {
        "engine": {"options": {"ledger": str(folder / "ledger"), "by_seed": True}},
        "pool": {"cpu_workers": 1},
        "hooks": {"published": ["/bin/sh", "-c", f'echo "$FISHD_JOB $FISHD_STATUS" >> {folder / "hooks"}']},
    }
    daemon = DaemonProcess(folder, config)
    make_ready_bundle(daemon.spool / "inbox" / "NAME", LINES, output=OUTPUTS[output])
    return daemon


@pytest.fixture(scope="module", params=OUTPUTS)
def without_kill(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WithoutKill:
    daemon = prepare(tmp_path_factory.mktemp("without_kill"), request.param)
    assert 0 == run_daemon(daemon), daemon.log()
    num_steps = int((daemon.folder / "steps").read_text())
    assert num_steps > 20
    assert "NAME done\n" == (daemon.folder / "hooks").read_text()
    return WithoutKill(request.param, outcome_of(daemon.spool), num_steps)


def check_steps(folder: Path, steps: range, expected: WithoutKill) -> None:
    for last in steps:
        daemon = prepare(folder / str(last), expected.output)
        assert -signal.SIGKILL == run_daemon(daemon, last), daemon.log()
        finished = finished_clips(daemon)
        assert 0 == run_daemon(daemon), f"killed before step {last}: {daemon.log()}"
        spoken = read_ledger(daemon.folder / "ledger")
        assert expected.outbox == outcome_of(daemon.spool), f"killed before step {last}"
        assert all(spoken[TEXT_OF[clip]] == 1 for clip in finished), f"spoken again after step {last}"
        assert not list((daemon.spool / "work").iterdir()), f"something is left after step {last}"
        hooked = (daemon.folder / "hooks").read_text().splitlines()
        assert {"NAME done"} == set(hooked), f"its hook did not run after step {last}"
        assert not list((daemon.spool / ".hooks").iterdir()), f"its hook is pending after step {last}"


def test_a_kill_before_some_steps_changes_nothing(tmp_path: Path, without_kill: WithoutKill) -> None:
    """The job is published once and completely, its hook runs, and no finished line is spoken again."""
    num_steps = without_kill.num_steps
    check_steps(tmp_path, range(2, num_steps, num_steps // NUM_QUICK), without_kill)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(8))
def test_a_kill_before_any_step_changes_nothing(
    tmp_path: Path, without_kill: WithoutKill, first: int
) -> None:
    """Each of eight tests tries every eighth step."""
    check_steps(tmp_path, range(first, without_kill.num_steps, 8), without_kill)
