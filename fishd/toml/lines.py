"""The line numbers of the keys in a TOML text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fishd.toml.display import Place

_HEADER = re.compile(r"^\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_KEY_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The first line, from 1, of each key and table in a TOML text.

    It scans lines and does not parse: a multi-line string that contains `key = value` lines may add keys
    that do not exist, which is harmless.
    """
    lines: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    for n, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = _key_path(header[1])
            lines.setdefault(section, n)
        elif key := _KEY.match(line):
            lines.setdefault(section + _key_path(key[1]), n)
    return lines


def line_of(place: Place, lines: Mapping[tuple[str, ...], int]) -> int | None:
    """The line of a key, else of a key inside it (`[a.b]` for `a`), else of the table around it."""
    if found := [n for path, n in lines.items() if path[: len(place)] == place]:
        return min(found)
    return line_of(place[:-1], lines) if len(place) > 1 else None


def _key_path(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _KEY_PART.findall(key))
