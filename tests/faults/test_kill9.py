"""The daemon is killed with SIGKILL at random moments: the outbox is the same as without kills."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger
from tests.faults.spool_contents import finished_clips, outcome_of

JOBS = {
    "one": {"Ada": ["One: the only line."]},
    "pair": {"Bob": [f"Pair: Bob's {n}." for n in range(8)], "Cyd": [f"Pair: Cyd's {n}." for n in range(8)]},
    "long": {"Dan": [f"Long: line {n}." for n in range(24)]},
}
TEXT_OF = {
    (job, f"clips/{name}/{n:03}.wav"): line
    for job, speakers in JOBS.items()
    for name, lines in speakers.items()
    for n, line in enumerate(lines, 1)
}
MAX_RUN_S = 1.2  # two workers are ready after 0.4 s


class DaemonRun:
    """A daemon that is killed and restarted, with all the jobs in its inbox."""

    def __init__(self, folder: Path, step_s: float) -> None:
        self.ledger = folder / "ledger"
        options = {"ledger": str(self.ledger), "by_seed": True, "step_s": step_s}
        self.daemon = DaemonProcess(folder, {"engine": {"options": options}})
        self.finished: dict[str, int] = {}  # text: how often it was spoken when its clip was finished
        for name, speakers in JOBS.items():
            make_ready_bundle(self.daemon.spool / "inbox" / name, speakers)

    def start_and_kill(self, seconds: float) -> None:
        """Start, kill after this time, and record the finished texts."""
        self.daemon.start()
        with pytest.raises(subprocess.TimeoutExpired):
            self.daemon.process.wait(seconds)
        self.daemon.kill()
        spoken = self.spoken()
        for clip in finished_clips(self.daemon):
            self.finished.setdefault(TEXT_OF[clip], spoken[TEXT_OF[clip]])

    def finish(self) -> None:
        """Run a last process to the end of all jobs."""
        assert 0 == self.daemon.run_once(), self.daemon.log()

    def spoken(self) -> Counter[str]:
        """How often each text was spoken so far."""
        return read_ledger(self.ledger)


@pytest.fixture(scope="module")
def without_kills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The outbox of a daemon that was not killed, and spoke every line once."""
    run = DaemonRun(tmp_path_factory.mktemp("without_kills"), step_s=0.0)
    run.finish()
    assert Counter(TEXT_OF.values()) == run.spoken()
    num_references = sum(len(speakers) for speakers in JOBS.values())
    assert len(TEXT_OF) + num_references + 4 * len(JOBS) == len(outcome_of(run.daemon.spool))
    return outcome_of(run.daemon.spool)


def killed(folder: Path, seed: int, kills: int, step_s: float) -> DaemonRun:
    """A daemon killed after each of `kills` random intervals, then run to the end."""
    chance = random.Random(seed)
    run = DaemonRun(folder, step_s)
    for _ in range(kills):
        run.start_and_kill(chance.uniform(0.0, MAX_RUN_S))
    run.finish()
    return run


def check(run: DaemonRun, without_kills: dict[str, object]) -> None:
    spoken = run.spoken()
    assert run.finished == {text: spoken[text] for text in run.finished}, "spoken again"
    assert without_kills == outcome_of(run.daemon.spool)
    assert [] == list((run.daemon.spool / "work").iterdir())
    assert set(JOBS) == {path.name for path in (run.daemon.spool / "archive").iterdir()}


def test_a_few_kills_change_nothing(tmp_path: Path, without_kills: dict[str, object]) -> None:
    """No clip differs, no finished line is spoken again, every job is published once and completely."""
    check(killed(tmp_path, seed=5, kills=5, step_s=0.04), without_kills)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_two_hundred_kills_change_nothing(
    tmp_path: Path, without_kills: dict[str, object], seed: int
) -> None:
    """Each of 20 tests kills ten times, at the same random moments in every run."""
    check(killed(tmp_path, seed=1000 + seed, kills=10, step_s=0.08), without_kills)
