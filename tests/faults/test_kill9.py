"""The whole daemon killed with -9 again and again: the outbox is as if nothing had happened."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.running import Running

JOBS = {
    "one": {"Ada": ["One: the only line."]},
    "pair": {"Bob": [f"Pair: Bob's {n}." for n in range(8)], "Cyd": [f"Pair: Cyd's {n}." for n in range(8)]},
    "long": {"Dan": [f"Long: line {n}." for n in range(24)]},
}
TEXT_OF = {  # of each clip; no two jobs have a speaker in common
    f"clips/{name}/{n:03}.wav": line
    for speakers in JOBS.values()
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
        for text in map(TEXT_OF.__getitem__, self._finished_clips()):
            self.finished.setdefault(text, spoken[text])

    def end(self) -> None:
        """The last life works off what is left."""
        assert 0 == self.daemon.once(), self.daemon.log()

    def spoken(self) -> Counter[str]:
        """How often each text was spoken so far."""
        return Counter(self.ledger.read_text().splitlines()) if self.ledger.exists() else Counter()

    def _finished_clips(self) -> set[str]:
        """Those that a journal or a result tells of."""
        lines = [
            json.loads(line)
            for journal in self.daemon.spool.glob("work/*/journal.jsonl")
            for line in journal.read_text().split("\n")[:-1]
        ]
        journaled = {line["clip"]["path"] for line in lines if line["is"] == "spoken"}
        published = self.daemon.spool.glob("outbox/*/clips/*/*.wav")
        return journaled | {str(Path(*path.parts[-3:])) for path in published}

    def outbox(self) -> dict[str, object]:
        """Every file of every result; of result.json what does not depend on time and worker."""
        root = self.daemon.spool / "outbox"
        content: dict[str, object] = {}
        for path in sorted(root.rglob("*")):
            if path.is_file():
                name = str(path.relative_to(root))
                content[name] = path.read_bytes() if path.suffix == ".wav" else _told(path)
        return content


def _told(path: Path) -> object:
    if path.name != "result.json":
        return "text"
    result = json.loads(path.read_bytes())
    rows = [
        (speaker["name"], *(segment[key] for key in ("id", "text", "status", "clip", "seed")))
        for speaker in result["speakers"]
        for segment in speaker["segments"]
    ]
    return result["job"], result["status"], result["errors"], rows


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The outbox of a daemon that nobody killed: it says every line once."""
    whole = Mortal(tmp_path_factory.mktemp("undisturbed"), step_s=0.0)
    whole.end()
    assert Counter(TEXT_OF.values()) == whole.spoken()
    assert len(TEXT_OF) + 4 * len(JOBS) == len(whole.outbox())
    return whole.outbox()


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
    assert undisturbed == mortal.outbox()
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
