"""The words for what is wrong with a configuration: where it stands, and what was probably meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fishd.core.config import rules as schema
from fishd.core.config.keys import RULES
from fishd.core.model.job import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping


def place(path: str, key: tuple[str, ...], lines: Mapping[tuple[str, ...], int]) -> str:
    line = schema.line_of(key, lines)
    return f"{path}:{line}: {'.'.join(key)}" if line else f"{path}: {'.'.join(key)}"


def unknown_section(name: str, value: object) -> str:
    if not isinstance(value, dict):
        homes = [section for section, rules in RULES.items() if name in rules]
        where = schema.any_of(f"[{section}]" for section in homes or RULES)
        return f"stands outside of every section; it must stand below {where}"
    if guess := schema.meant(name, RULES):
        return f"is not a known section; did you mean [{guess}]?"
    return f"is not a known section; known are {', '.join(RULES)}"


def unknown_key(section: str, key: str, prefix: str = "") -> str:
    shown = str.upper if prefix else str
    if guess := schema.meant(key, RULES[section]):
        return f"is not a known key; did you mean {prefix}{shown(guess)}?"
    if home := next((name for name, rules in RULES.items() if key in rules), None):
        return f"is not a key of {section}; it belongs in [{home}]"
    known = ", ".join(f"{prefix}{shown(name)}" for name in RULES[section])
    return f"is not a known key; known are {known}"


def syntax_fault(error: ValueError, text: str, path: str) -> Fault:
    """From `Invalid value (at line 3, column 9)`, or `… (at end of document)`, to our form."""
    what, _, where = str(error).rpartition(" (at ")
    if at := re.search(r"line (\d+), column (\d+)", where):
        line, column = int(at[1]), int(at[2])
    else:
        written = text.splitlines() or [""]
        line, column = len(written), len(written[-1]) + 1
    return Fault(f"{path}:{line}:{column}", f"is not valid TOML: {what or error}")
