"""An engine that spoils one take in five, by its seed: `tests.faults.spoiling_engine:factory`.

Options: `always` = words; a take whose text contains them is always spoiled. `ledger`: a path; every take
adds a line with its text and how it was spoiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fishd.engines.protocol import Spoken, Take
from tests.engines.speech_like import SAMPLE_RATE, SPOILED, speech_like, spoiled

ONE_IN = 5


def factory(_device: str, options: Mapping[str, object]) -> SpoilingEngine:
    return SpoilingEngine(options)


def is_spoiled(seed: int) -> bool:
    return seed % ONE_IN == 0


def check_options(_options: Mapping[str, object]) -> list[str]:
    return []


class SpoilingEngine:
    name = "spoiling"
    sample_rate = SAMPLE_RATE
    capacity = 1

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._always: str = options.get("always", "\0")
        self._ledger = Path(options.get("ledger", "/dev/null"))
        self._takes: list[Take] = []

    def start(self, take: Take) -> None:
        self._takes.append(take)

    def step(self) -> list[Spoken]:
        takes, self._takes = self._takes, []
        return [self._spoken(take) for take in takes]

    def close(self) -> None:
        pass

    def _spoken(self, take: Take) -> Spoken:
        audio = speech_like(take.text, take.seed)
        kind = ""
        if is_spoiled(take.seed) or self._always in take.text:
            kind = SPOILED[take.seed // ONE_IN % len(SPOILED)]
        with self._ledger.open("a", encoding="utf-8") as ledger:
            ledger.write(f"{take.text}\t{kind}\n")
        return Spoken(take.id, spoiled(audio, kind, take.seed) if kind else audio)
