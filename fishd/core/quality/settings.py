"""What `[quality]` asks for: the checks that a take must pass, how strict they are, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

Check = Literal["off", "signal", "listen"]
CHECKS: tuple[Check, ...] = get_args(Check)


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """The keys of `[quality]`, already validated.

    `recogniser` is the folder of a faster-whisper model. A `min_similarity` of 0: voices are not judged.
    `keep_takes`: those that were not chosen, for some days.
    """

    check: Check = "signal"
    recogniser: Path | None = None
    max_wer: float = 0.3
    min_similarity: float = 0.0
    keep_takes: bool = False

    def with_values(self, values: Mapping[str, Any]) -> QualitySettings:
        """With keys of a [quality] section in place of its own."""
        return replace(self, **values)

    @property
    def checks_signal(self) -> bool:
        """Are takes measured?"""
        return self.check != "off"

    @property
    def listens(self) -> bool:
        """Are takes heard by a recogniser?"""
        return self.check == "listen"
