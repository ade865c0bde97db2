"""Values, keys and places in messages: written as in TOML, and cut to a readable length."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import cast

Place = tuple[str | int, ...]  # keys, and positions in lists from 0

_VALUE_CHARS = 60
_KEY_CHARS = 40
_MOST_DEEP = 8
_HUGE = 10**20  # Python refuses to format integers of some thousand digits


@lru_cache(maxsize=4096)  # most jobs have the same few places
def dotted(place: Place) -> str:
    """`speakers[0].segments[3].text`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{key(part)}" for part in place).lstrip(".")


def key(name: str) -> str:
    """A key, quoted where TOML needs it."""
    short = name if len(name) <= _KEY_CHARS else name[:_KEY_CHARS] + "…"
    return short if re.fullmatch(r"[A-Za-z0-9_-]+…?", short) else json.dumps(short, ensure_ascii=False)


def value(found: object) -> str:
    """A value, cut short if it is long or deep."""
    written = _written(found, _MOST_DEEP)
    return written if len(written) <= _VALUE_CHARS else written[: _VALUE_CHARS - 1] + "…"


def any_of(choices: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last


def _written(found: object, depth: int) -> str:
    match found:
        case list() | dict() if not depth:
            return "…"
        case bool():
            return str(found).lower()
        case int() if abs(found) >= _HUGE:
            return "a huge number"
        case str():
            return json.dumps(found[:_VALUE_CHARS], ensure_ascii=False)
        case dict():
            items = islice(cast("dict[str, object]", found).items(), _VALUE_CHARS)
            inside = ", ".join(f"{key(name)} = {_written(one, depth - 1)}" for name, one in items)
            return f"{{ {inside} }}" if inside else "{}"
        case list():
            items = islice(cast("list[object]", found), _VALUE_CHARS)
            return f"[{', '.join(_written(one, depth - 1) for one in items)}]"
        case _:
            return str(found)
