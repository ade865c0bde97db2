"""What can be wrong with a take, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """The kinds of fault, as result.json names them."""

    SILENCE = "silence"
    NOISE = "noise"
    CLIPPING = "clipping"
    HOLE = "hole"
    PAUSE = "pause"  # silence before the first word or after the last
    FAST = "fast"  # so fast that a part of the text must be missing
    SLOW = "slow"
    CUT = "cut"  # ends in the middle of a sound
    LOOP = "loop"
    LEVEL = "level"
    WORDS = "words"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class QualityFault:
    """`text` is for people ("2.9 s hole at 1.4 s"); `severity` is above 0; 1 is a useless take."""

    kind: FaultKind
    text: str
    severity: float

    def __str__(self) -> str:
        return self.text
