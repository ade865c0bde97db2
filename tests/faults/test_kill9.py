"""The whole daemon killed with -9 again and again: the outbox is as if nothing had happened."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.running import Running
from tests.faults.outcome import outcome_of, spoken_in

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
LIFE_S = 1.2  # the longest; two workers are ready after 0.4 s


class Mortal:
    """A daemon with all the jobs in its inbox, an engine that keeps a ledger, and no luck."""

    def __init__(self, folder: Path, step_s: float) -> None:
        self.ledger = folder / "ledger"
        options = {"ledger": str(self.ledger), "by_seed": True, "step_s": step_s}
        self.daemon = Running(folder, {"engine": {"options": options}})
        self.finished: dict[str, int] = {}  # text: how often it had been spoken when it was finished
        for name, speakers in JOBS.items():
            bundle = make_bundle(self.daemon.spool / "inbox" / name, speakers)
            (bundle / ".ready").touch()

    def live(self, seconds: float) -> None:
        """Start, be killed after so long, and note what was finished."""
        self.daemon.start()
        assert self.daemon.process
        with pytest.raises(subprocess.TimeoutExpired):
            self.daemon.process.wait(seconds)
        self.daemon.kill()
        spoken = self.spoken()
        for text in map(TEXT_OF.__getitem__, spoken_in(self.daemon.spool)):
            self.finished.setdefault(text, spoken[text])

    def end(self) -> None:
        """The last life works off what is left."""
        assert 0 == self.daemon.once(), self.daemon.log()

    def spoken(self) -> Counter[str]:
        """How often each text was spoken so far."""
        return Counter(self.ledger.read_text().splitlines()) if self.ledger.exists() else Counter()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The outbox of a daemon that nobody killed: it says every line once."""
    whole = Mortal(tmp_path_factory.mktemp("undisturbed"), step_s=0.0)
    whole.end()
    assert Counter(TEXT_OF.values()) == whole.spoken()
    assert len(TEXT_OF) + 4 * len(JOBS) == len(outcome_of(whole.daemon.spool))
    return outcome_of(whole.daemon.spool)


def killed(folder: Path, seed: int, kills: int, step_s: float) -> Mortal:
    """So many lives of random length, and a last one; the slower the steps, the more there is to disturb."""
    lengths = random.Random(seed)
    mortal = Mortal(folder, step_s)
    for _ in range(kills):
        mortal.live(lengths.uniform(0.0, LIFE_S))
    mortal.end()
    return mortal


def check(mortal: Mortal, undisturbed: dict[str, object]) -> None:
    spoken = mortal.spoken()
    assert mortal.finished == {text: spoken[text] for text in mortal.finished}, "spoken again"
    assert undisturbed == outcome_of(mortal.daemon.spool)
    assert [] == list((mortal.daemon.spool / "work").iterdir())
    assert set(JOBS) == {path.name for path in (mortal.daemon.spool / "archive").iterdir()}


def test_a_few_kills_change_nothing(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """No clip differs, nothing finished is spoken again, nothing is published twice, half or not at all."""
    check(killed(tmp_path, seed=5, kills=5, step_s=0.04), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_two_hundred_kills_change_nothing(tmp_path: Path, undisturbed: dict[str, object], seed: int) -> None:
    """The same, ten kills at a time: 200 random moments, the same ones in every run of this test."""
    check(killed(tmp_path, seed=1000 + seed, kills=10, step_s=0.08), undisturbed)
