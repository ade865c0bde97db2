"""Numbers in words, in the languages of num2words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

_LONGEST = 12  # digits; a longer number is read digit by digit


@lru_cache(maxsize=1024)
def spell(number: str, language: str) -> Sequence[str]:
    """The ways to read a number such as "1984" or "3.5"; none in a language that is not known."""
    return tuple(dict.fromkeys(_readings(number, language.lower().partition("-")[0])))


def _readings(number: str, language: str) -> Iterator[str]:
    if len(number) <= _LONGEST:
        kinds = ("cardinal",) if "." in number else ("cardinal", "ordinal", "year")
        yield from (words for kind in kinds if (words := _spelled(number, language, kind)))
    digits = [_spelled(digit, language, "cardinal") for digit in number if digit != "."]
    if len(digits) > 1 and all(digits):
        yield " ".join(digits)


def _spelled(number: str, language: str, kind: str) -> str:
    """An empty string where the library does not know how; it raises whatever comes."""
    library: Any = import_module("num2words")  # it has no types
    try:
        return str(library.num2words(float(number) if "." in number else int(number), lang=language, to=kind))
    except Exception:  # noqa: BLE001 - NotImplementedError, KeyError, TypeError, OverflowError …
        return ""
