"""What a value in a TOML file must be, and where in the file it stands.

A rule takes a value as TOML or an environment variable gives it, and keeps it or refuses it; it never
guesses. This module knows nothing of the keys themselves: those are `config.py`'s.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SHOWN_CHARS = 60
_HEADER = re.compile(r"^\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_KEY_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


@dataclass(frozen=True, slots=True)
class Rule:
    """`must` completes "must be …". `keep` gives the value to keep, or raises ValueError.

    `from_text` reads an environment variable's text; None says that a variable cannot hold this value.
    """

    must: str
    keep: Callable[[object], object]
    from_text: Callable[[str], object] | None

    def refusal(self, value: object) -> str:
        return f"is {shown(value)}; must be {self.must}"


def text(must: str = "a text") -> Rule:
    return Rule(must, _text, str)


def needed_text(must: str) -> Rule:
    return Rule(must, lambda value: _refuse_unless(_text(value).strip() != "", value), str)


def matching(pattern: str, must: str) -> Rule:
    return Rule(must, lambda value: _refuse_unless(re.fullmatch(pattern, _text(value)), value), str)


def one_of(*choices: str) -> Rule:
    must = any_of(f'"{choice}"' for choice in choices)
    return Rule(must, lambda value: _refuse_unless(value in choices, value), str)


def number(must: str, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf) -> Rule:
    """A float, or an int taken as one; neither infinite nor NaN."""

    def keep(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
            raise ValueError
        if math.isnan(value) or not (value > above and least <= value <= most):
            raise ValueError
        return float(value)

    return Rule(must, keep, _read_number)


def whole(must: str, *, least: int, most: int) -> Rule:
    return Rule(must, lambda value: _whole(value, least, most), _read_number)


def whole_or_auto(must: str, *, least: int, most: int) -> Rule:
    def keep(value: object) -> object:
        return value if value == "auto" else _whole(value, least, most)

    return Rule(must, keep, _read_number)


def yes_no_auto() -> Rule:
    """True, False or "auto"; a variable may also say it in capitals, or as 1 and 0."""
    words: dict[str, object] = {"true": True, "1": True, "false": False, "0": False, "auto": "auto"}

    def keep(value: object) -> object:
        return _refuse_unless(isinstance(value, bool) or value == "auto", value)

    return Rule('true, false or "auto"', keep, lambda said: words.get(said.strip().lower(), said))


def yes_no() -> Rule:
    """True or False; a variable may also say it in capitals, or as 1 and 0."""
    words: dict[str, object] = {"true": True, "1": True, "false": False, "0": False}
    return Rule(
        "true or false",
        lambda value: _refuse_unless(isinstance(value, bool), value),
        lambda said: words.get(said.strip().lower(), said),
    )


def card_counts(must: str, *, most: int) -> Rule:
    """A table from card numbers, as text, to whole numbers; kept as {int: int}."""

    def keep(value: object) -> dict[int, int]:
        counts: dict[int, int] = {}
        for card, count in _table(value).items():
            if not (card.isascii() and card.isdigit()) or int(card) in counts:
                raise ValueError
            counts[int(card)] = _whole(count, 0, most)
        return counts

    return Rule(must, keep, None)


def table(must: str) -> Rule:
    return Rule(must, _table, None)


def shown(value: object) -> str:
    """A value as TOML would write it, cut short."""
    written = _written(value)
    return written if len(written) <= _SHOWN_CHARS else written[: _SHOWN_CHARS - 1] + "…"


def any_of(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def meant(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def key_lines(toml: str) -> dict[tuple[str, ...], int]:
    """The line, from 1, on which each key or table of a TOML text first stands.

    A scan of the lines, not a parser: a multi-line string that holds `key = value` lines may add keys
    that are not there, which nobody then asks for.
    """
    lines: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    for n, line in enumerate(toml.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = _key_path(header[1])
            lines.setdefault(section, n)
        elif key := _KEY.match(line):
            lines.setdefault(section + _key_path(key[1]), n)
    return lines


def line_of(key: tuple[str, ...], lines: Mapping[tuple[str, ...], int]) -> int | None:
    """The line of a key, or of what stands inside it (`[a.b]` for `a`), or of what it stands in."""
    if found := [n for path, n in lines.items() if path[: len(key)] == key]:
        return min(found)
    return line_of(key[:-1], lines) if len(key) > 1 else None


def _key_path(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _KEY_PART.findall(key))


def _refuse_unless(good: object, value: object) -> object:
    if not good:
        raise ValueError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    return value


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - refused values are ValueErrors, whatever is wrong with them
    return cast("dict[str, object]", value)


def _whole(value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError
    return value


def _read_number(said: str) -> object:
    for read in (int, float):
        try:
            return read(said)
        except ValueError:
            continue
    return said.strip()


def _written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case dict():
            pairs = cast("dict[str, object]", value).items()
            return (
                "{ "
                + ", ".join(f"{json.dumps(k, ensure_ascii=False)} = {_written(v)}" for k, v in pairs)
                + " }"
            )
        case list():
            return "[" + ", ".join(_written(v) for v in cast("list[object]", value)) + "]"
        case _:
            return str(value)
