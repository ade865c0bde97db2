"""The daemon killed with SIGKILL again and again: the outbox is the same as without kills."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess
from tests.faults.spool_contents import outcome_of, spoken_in

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


class KilledDaemon:
    """A daemon with all the jobs in its inbox, and an engine that records every spoken text."""

    def __init__(self, folder: Path, step_s: float) -> None:
        self.ledger = folder / "ledger"
        options = {"ledger": str(self.ledger), "by_seed": True, "step_s": step_s}
        self.daemon = DaemonProcess(folder, {"engine": {"options": options}})
        self.finished: dict[str, int] = {}  # text: how often it had been spoken when it was finished
        for name, speakers in JOBS.items():
            bundle = make_bundle(self.daemon.spool / "inbox" / name, speakers)
            (bundle / ".ready").touch()

    def start_and_kill(self, seconds: float) -> None:
        """Start, kill after so many seconds, and record what was finished."""
        self.daemon.start()
        assert self.daemon.process
        with pytest.raises(subprocess.TimeoutExpired):
            self.daemon.process.wait(seconds)
        self.daemon.kill()
        spoken = self.spoken()
        for text in map(TEXT_OF.__getitem__, spoken_in(self.daemon.spool)):
            self.finished.setdefault(text, spoken[text])

    def finish(self) -> None:
        """The last process finishes what is left."""
        assert 0 == self.daemon.once(), self.daemon.log()

    def spoken(self) -> Counter[str]:
        """How often each text was spoken so far."""
        return Counter(self.ledger.read_text().splitlines()) if self.ledger.exists() else Counter()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The outbox of a daemon that was not killed: every line is spoken once."""
    whole = KilledDaemon(tmp_path_factory.mktemp("undisturbed"), step_s=0.0)
    whole.finish()
    assert Counter(TEXT_OF.values()) == whole.spoken()
    assert len(TEXT_OF) + 4 * len(JOBS) == len(outcome_of(whole.daemon.spool))
    return outcome_of(whole.daemon.spool)


def killed(folder: Path, seed: int, kills: int, step_s: float) -> KilledDaemon:
    """A daemon killed so many times after random intervals, then run to the end."""
    lengths = random.Random(seed)
    run = KilledDaemon(folder, step_s)
    for _ in range(kills):
        run.start_and_kill(lengths.uniform(0.0, MAX_RUN_S))
    run.finish()
    return run


def check(run: KilledDaemon, undisturbed: dict[str, object]) -> None:
    spoken = run.spoken()
    assert run.finished == {text: spoken[text] for text in run.finished}, "spoken again"
    assert undisturbed == outcome_of(run.daemon.spool)
    assert [] == list((run.daemon.spool / "work").iterdir())
    assert set(JOBS) == {path.name for path in (run.daemon.spool / "archive").iterdir()}


def test_a_few_kills_change_nothing(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """No clip differs, nothing finished is spoken again, every job is published once and completely."""
    check(killed(tmp_path, seed=5, kills=5, step_s=0.04), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_two_hundred_kills_change_nothing(tmp_path: Path, undisturbed: dict[str, object], seed: int) -> None:
    """The same, ten kills at a time: 200 random moments, the same ones in every run of this test."""
    check(killed(tmp_path, seed=1000 + seed, kills=10, step_s=0.08), undisturbed)
