"""Parses TOML, with one exception for every kind of failure."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class BadToml(ValueError):  # noqa: N818 - whose fault it is
    """The text is not valid TOML. `at` is for after the file's name: ":line:column", or "" if unknown."""

    def __init__(self, what: str, at: str = "") -> None:
        super().__init__(f"is not valid TOML: {what}")
        self.at = at


def parse(text: str) -> dict[str, Any]:
    """The content of a TOML text; raises BadToml."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        what = _POSITION.sub("", message)[:200]
        raise BadToml(what[:1].lower() + what[1:], _position(message, text)) from error
    except RecursionError as error:
        raise BadToml("it is nested too deeply") from error
    except ValueError as error:  # such as a number of 5,000 digits
        raise BadToml(str(error)[:200]) from error


def _position(message: str, text: str) -> str:
    found = _POSITION.search(message)
    if found and found[1]:
        return f":{found[1]}:{found[2]}"
    lines = text.rstrip().split("\n")
    return f":{len(lines)}:{len(lines[-1]) + 1}"
