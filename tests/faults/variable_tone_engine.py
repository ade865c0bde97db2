"""An engine whose takes last as long as their option `tone_s` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from fishd.engines.protocol import Failed, Spoken, Take
from tests.engines.noop import SAMPLE_RATE, tone


class VariableToneEngine:
    sample_rate = SAMPLE_RATE
    capacity = 1

    def __init__(self) -> None:
        self._takes: list[Take] = []

    def start(self, take: Take) -> None:
        self._takes.append(take)

    def step(self) -> list[Spoken | Failed]:
        takes, self._takes = self._takes, []
        return [Spoken(take.id, tone(cast("float", take.options["tone_s"]))) for take in takes]

    def close(self) -> None:
        pass


def factory(device: str, options: Mapping[str, object]) -> VariableToneEngine:
    return VariableToneEngine()
