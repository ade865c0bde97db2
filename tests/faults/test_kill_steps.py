"""The daemon killed before every single step of a job that changes the spool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.running import LIMIT_S, ROOT, Running
from tests.faults.outcome import outcome_of, spoken_in

LINES = {"Ada": ["First.", "Second."]}
KINDS = {"clips": {}, "tracks": {"tracks": ["mix", "speakers"], "pause_s": 0.1}}  # [output] of the job
TEXT_OF = {("NAME", "clips/Ada/001.wav"): "First.", ("NAME", "clips/Ada/002.wav"): "Second."}
A_FEW = 3


def run_daemon(daemon: Running, last: int | None = None) -> int:
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


def prepare(folder: Path, kind: str) -> Running:
    """A spool with one job in its inbox, and a hook that records what it was run for."""
    config = {
        "engine": {"options": {"ledger": str(folder / "ledger"), "by_seed": True}},
        "pool": {"cpu_workers": 1},
        "hooks": {"published": ["/bin/sh", "-c", f'echo "$FISHD_JOB $FISHD_STATUS" >> {folder / "hooks"}']},
    }
    daemon = Running(folder, config)
    (make_bundle(daemon.spool / "inbox" / "NAME", LINES, output=KINDS[kind]) / ".ready").touch()
    return daemon


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run without a kill: the kind of its job, its outbox, and the number of its steps."""

    kind: str
    outbox: dict[str, object]
    num_steps: int


@pytest.fixture(scope="module", params=KINDS)
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    daemon = prepare(tmp_path_factory.mktemp("undisturbed"), request.param)
    assert 0 == run_daemon(daemon), daemon.log()
    num_steps = int((daemon.folder / "steps").read_text())
    assert num_steps > 20
    assert "NAME done\n" == (daemon.folder / "hooks").read_text()
    return Undisturbed(request.param, outcome_of(daemon.spool), num_steps)


def check_steps(folder: Path, steps: range, undisturbed: Undisturbed) -> None:
    for last in steps:
        daemon = prepare(folder / str(last), undisturbed.kind)
        assert -signal.SIGKILL == run_daemon(daemon, last), daemon.log()
        finished = spoken_in(daemon.spool)
        assert 0 == run_daemon(daemon), f"killed before step {last}: {daemon.log()}"
        spoken = (daemon.folder / "ledger").read_text().splitlines()
        assert undisturbed.outbox == outcome_of(daemon.spool), f"killed before step {last}"
        assert all(spoken.count(TEXT_OF[clip]) == 1 for clip in finished), f"spoken again after step {last}"
        assert not list((daemon.spool / "work").iterdir()), f"something is left after step {last}"
        hooked = (daemon.folder / "hooks").read_text().splitlines()
        assert {"NAME done"} == set(hooked), f"its hook did not run after step {last}"
        assert not list((daemon.spool / ".hooks").iterdir()), f"its hook is still to run after step {last}"


def test_a_kill_before_some_steps_changes_nothing(tmp_path: Path, undisturbed: Undisturbed) -> None:
    """From claim to hook: published once and completely, nothing finished is spoken again."""
    num_steps = undisturbed.num_steps
    check_steps(tmp_path, range(2, num_steps, num_steps // A_FEW), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(8))
def test_a_kill_before_any_step_changes_nothing(tmp_path: Path, undisturbed: Undisturbed, first: int) -> None:
    """The same at every step."""
    check_steps(tmp_path, range(first, undisturbed.num_steps, 8), undisturbed)
