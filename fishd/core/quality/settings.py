"""What `[quality]` asks for: which checks a take must pass, and whether all takes are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Check = Literal["off", "signal"]
CHECKS: tuple[Check, ...] = get_args(Check)


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """The keys of `[quality]`, already validated. `keep_takes`: those that were not chosen, for some days."""

    check: Check = "signal"
    keep_takes: bool = False

    def with_values(self, values: Mapping[str, Any]) -> QualitySettings:
        """With keys of a [quality] section in place of its own."""
        return replace(self, **values)

    @property
    def checks_signal(self) -> bool:
        """Are takes measured?"""
        return self.check != "off"
