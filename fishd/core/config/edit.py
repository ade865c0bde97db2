"""Sets a number in the text of a config.toml."""

from __future__ import annotations

import re
import tomllib
from typing import Any, cast

from fishd.toml.lines import key_lines

_VALUE = re.compile(r"^([^=]*=\s*)([^\s#]+)(.*)$", re.DOTALL)


def set_number(text: str, section: str, key: str, value: float) -> str | None:
    """The text with `[section] key = value` and all else unchanged; None where this edit is not possible."""
    try:
        wanted = _with(tomllib.loads(text), section, key, value)
        edited = _edited(text, section, key, f"{value:g}" if value % 1 else f"{value:.1f}")
        return edited if tomllib.loads(edited) == wanted else None
    except ValueError:  # TOMLDecodeError is one
        return None


def set_number_and_rewrite(text: str, section: str, key: str, value: float) -> str:
    """The same for any valid TOML, written anew without its comments. Raises ValueError for invalid TOML."""
    import tomli_w

    return tomli_w.dumps(_with(tomllib.loads(text), section, key, value))


def _edited(text: str, section: str, key: str, value: str) -> str:
    lines = text.splitlines(keepends=True)
    places = key_lines(text)
    at = places.get((section, key))
    if at is not None:
        lines[at - 1] = _VALUE.sub(lambda found: f"{found[1]}{value}{found[3]}", lines[at - 1])
        return "".join(lines)
    newline = "\r\n" if "\r\n" in text else "\n"
    if (section,) in places:
        lines.insert(places[section,], f"{key} = {value}{newline}")
        return "".join(lines)
    before = [] if not text else [text.removesuffix(newline), ""]
    return newline.join([*before, f"[{section}]", f"{key} = {value}", ""])


def _with(found: dict[str, Any], section: str, key: str, value: float) -> dict[str, Any]:
    inside = found.get(section, {})
    if not isinstance(inside, dict):
        raise ValueError(f"{section} is not a section")  # noqa: TRY004 - a fault of the text, as invalid TOML is
    return {**found, section: {**cast("dict[str, Any]", inside), key: value}}
