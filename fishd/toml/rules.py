"""Rules for values.

A rule keeps a value or refuses it; it never guesses. The value is as tomllib reads it, or the text of an
environment variable as `Rule.from_text` converts it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from fishd.toml import display

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_LARGEST = 1e15  # a larger number is a typing error
_LARGEST_WHOLE = 2**53


@dataclass(frozen=True, slots=True)
class Rule(Generic[T_co]):
    """`must` completes "must be …". `take` returns the value to keep, or None to refuse it.

    `from_text` converts a variable's text for `take`; None if no variable can hold such a value.
    """

    must: str
    take: Callable[[object], T_co | None]
    from_text: Callable[[str], object] | None = None

    def keep(self, value: object) -> T_co:
        """The value to keep. Raises ValueError with what the value is and what it must be."""
        kept = self.take(value)
        if kept is None:
            raise ValueError(f"is {display.value(value)}; must be {self.must}")
        return kept


def text(must: str = "a string") -> Rule[str]:
    return _string(must, lambda _: True)


def path(must: str, *, may_be_empty: bool = True) -> Rule[str]:
    """A string that can be a path."""
    return _string(must, lambda value: "\0" not in value and (may_be_empty or value.strip()))


def matching(pattern: str, must: str) -> Rule[str]:
    return _string(must, re.compile(pattern).fullmatch)


def one_of(*choices: str) -> Rule[str]:
    return _string(display.any_of(f'"{choice}"' for choice in choices), choices.__contains__)


def yes_no() -> Rule[bool]:
    """True or false; in a variable also in capitals, or as 1 and 0."""
    values = {"true": True, "1": True, "false": False, "0": False}
    return Rule(
        "true or false",
        lambda value: value if isinstance(value, bool) else None,
        lambda text: values.get(text.strip().lower(), text),
    )


def number(
    of: str = "",
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    most: float = math.inf,
    note: str = "",
) -> Rule[float]:
    """A finite float or an int, kept as a float. `of` is its unit, `note` an explanation for the message."""

    def take(value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            return None
        return float(value) if value > above and least <= value <= most else None

    unit, remark = of and f" of {of}", note and f" ({note})"
    return Rule(f"a number{unit}{_bounds(above, least, most)}{remark}", take, _read_number)


def whole(of: str = "", *, least: int, most: int | None = None) -> Rule[int]:
    """An int. `of` is its unit."""
    largest = _LARGEST_WHOLE if most is None else most

    def take(value: object) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if least <= value <= largest else None

    bounds = _bounds(-math.inf, least, math.inf if most is None else most)
    return Rule(f"a whole number{of and f' of {of}'}{bounds}", take, _read_number)


def or_word(word: str, rule: Rule[T]) -> Rule[T | str]:
    """What `rule` keeps, or a word such as "auto" in its place."""
    from_text = rule.from_text or str
    return Rule(
        f'{rule.must}, or "{word}"',
        lambda value: word if value == word else rule.take(value),
        lambda text: word if text.strip().lower() == word else from_text(text),
    )


def any_table(must: str) -> Rule[dict[str, object]]:
    return Rule(must, lambda value: cast("dict[str, object]", value) if isinstance(value, dict) else None)


def any_list(must: str) -> Rule[list[object]]:
    return Rule(must, lambda value: cast("list[object]", value) if isinstance(value, list) else None)


def table_of(rule: Rule[T], must: str) -> Rule[dict[str, T]]:
    """A table with any keys, and one rule for their values."""

    def take(value: object) -> dict[str, T] | None:
        content = any_table(must).take(value)
        kept = {key: rule.take(one) for key, one in (content or {}).items()}
        good = {key: one for key, one in kept.items() if one is not None}
        return good if content is not None and len(good) == len(kept) else None

    return Rule(must, take)


def list_of(rule: Rule[T], must: str) -> Rule[tuple[T, ...]]:
    """A list whose values one rule takes."""

    def take(value: object) -> tuple[T, ...] | None:
        content = any_list(must).take(value)
        kept = tuple(one for each in content or () if (one := rule.take(each)) is not None)
        return kept if content is not None and len(kept) == len(content) else None

    return Rule(must, take)


def _string(must: str, is_good: Callable[[str], object]) -> Rule[str]:
    return Rule(must, lambda value: value if isinstance(value, str) and is_good(value) else None, str)


def _bounds(above: float, least: float, most: float) -> str:
    if above > -math.inf:
        return f" above {above:.15g}" + (f", at most {most:.15g}" if most < math.inf else "")
    if most < math.inf:
        return f" from {least:.15g} to {most:.15g}"
    return f", {least:.15g} or more" if least > -math.inf else ""


def _read_number(text: str) -> object:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text.strip()
