"""What a look at the machine found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`detail` says what is; `mend` what to do about it."""

    name: str
    is_a: Literal["good", "odd", "fault"]
    detail: str
    mend: str = ""


def good(name: str, detail: str) -> Finding:
    """As it should be."""
    return Finding(name, "good", detail)


def odd(name: str, detail: str, mend: str = "") -> Finding:
    """It works, but not as well as it could."""
    return Finding(name, "odd", detail, mend)


def fault(name: str, detail: str, mend: str = "") -> Finding:
    """It does not work."""
    return Finding(name, "fault", detail, mend)
