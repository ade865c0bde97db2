"""One TOML table read key by key: what is wrong becomes a fault with its place, and reading goes on.

Places count from 0, as in most programs' paths: `speakers[0]` is the first.
"""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING, cast

from fishd.core.model.job import Fault
from fishd.spool.bundle.model import FileRef, TextValue

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}")
INDEX = re.compile(r"\[\d+\]")
KINDS: Mapping[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


class TomlTable:
    """A table, and the list that its faults go to. A reader returns None after a fault or without the key."""

    def __init__(self, where: str, content: Mapping[str, object], faults: list[Fault]) -> None:
        self.where = where
        self._content = content
        self._faults = faults
        self._known: list[str] = []
        self._faulty: set[str] = set()

    def at(self, key: str) -> str:
        """The place of a key."""
        return f"{self.where}.{key}" if self.where else key

    def fault(self, key: str, what: str) -> None:
        """Say what is wrong with a key, or with the table where the key is empty."""
        self._faults.append(Fault(self.at(key) if key else self.where, what))
        self._faulty.add(key.partition("[")[0])

    def faulty(self, key: str) -> bool:
        """Whether a fault was said of this key."""
        return key in self._faulty

    def has(self, key: str) -> bool:
        """Whether the key stands in the table."""
        return key in self._content

    def string(self, key: str) -> TextValue | None:
        """A string with its place."""
        value = self._value(key)
        if value is None or isinstance(value, str):
            return None if value is None else TextValue(self.at(key), value)
        return self._wrong(key, value, "a string")

    def path(self, key: str) -> FileRef | None:
        """A string that names a file."""
        value = self.string(key)
        return value and FileRef(value.where, value.text)

    def paths(self, key: str) -> tuple[FileRef, ...]:
        """One string or a list of strings, each naming a file."""
        value = self._value(key)
        if isinstance(value, str):
            return (FileRef(self.at(key), value),)
        if not isinstance(value, list):
            _ = value is None or self._wrong(key, value, "a string or a list of strings")
            return ()
        found: list[FileRef] = []
        for n, path in enumerate(cast("list[object]", value)):
            if isinstance(path, str):
                found.append(FileRef(f"{self.at(key)}[{n}]", path))
            else:
                self._wrong(f"{key}[{n}]", path, "a string")
        return tuple(found)

    def language(self, key: str = "language") -> str | None:
        """A language tag such as "en" or "pt-BR"."""
        value = self.string(key)
        if value is None or LANGUAGE.fullmatch(value.text):
            return value and value.text
        return self.fault(key, f'{_shown(value.text)} is not a language; write a tag such as "en" or "pt-BR"')

    def boolean(self, key: str) -> bool | None:
        """True or false."""
        value = self._value(key)
        if value is None or isinstance(value, bool):
            return value
        return self._wrong(key, value, "true or false")

    def integer(self, key: str, low: int, high: int) -> int | None:
        """A whole number in a range."""
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            return self._wrong(key, value, "a whole number")
        return (
            value
            if low <= value <= high
            else self.fault(key, f"is {_shown(value)}; it must be from {low} to {high}")
        )

    def seconds(self, key: str) -> float | None:
        """A moment: a finite number that is not negative."""
        value = self._value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._wrong(key, value, "a number of seconds")
        if not 0 <= value < math.inf or value > 1e9:
            return self.fault(key, f"is {_shown(value)}; it must be a number of seconds, 0 or more")
        return float(value)

    def table(self, key: str) -> TomlTable | None:
        """A table inside this one."""
        value = self._value(key)
        if value is None or isinstance(value, dict):
            return (
                None
                if value is None
                else TomlTable(self.at(key), cast("dict[str, object]", value), self._faults)
            )
        return self._wrong(key, value, "a table")

    def tables(self, key: str) -> tuple[TomlTable, ...]:
        """A list of tables, as [[key]] makes it."""
        value = self._value(key)
        if not isinstance(value, list):
            hint = f"a list of tables; write [[{INDEX.sub('', self.at(key))}]]"
            _ = value is None or self._wrong(key, value, hint)
            return ()
        found: list[TomlTable] = []
        for n, entry in enumerate(cast("list[object]", value)):
            if isinstance(entry, dict):
                found.append(
                    TomlTable(f"{self.at(key)}[{n}]", cast("dict[str, object]", entry), self._faults)
                )
            else:
                self._wrong(f"{key}[{n}]", entry, "a table")
        return tuple(found)

    def everything(self) -> Mapping[str, object]:
        """The whole table as it stands: all its keys count as known."""
        self._known.extend(self._content)
        return self._content

    def close(self) -> None:
        """Every key that nothing has asked for is a fault."""
        for key in self._content:
            if key not in self._known:
                near = difflib.get_close_matches(key[:50], self._known, n=1)
                self.fault(_key_shown(key), "unknown key" + (f'; did you mean "{near[0]}"?' if near else ""))

    def _value(self, key: str) -> object:
        self._known.append(key)
        return self._content.get(key)

    def _wrong(self, key: str, value: object, wanted: str) -> None:
        self.fault(key, f"is {_kind(value)}, not {wanted}")


def _kind(value: object) -> str:
    kind = KINDS.get(type(value), "a date or a time")
    return f"{kind} ({_shown(value)})" if isinstance(value, str | bool | int | float) else kind


def _shown(value: object) -> str:
    if isinstance(value, str):
        short = value if len(value) <= 40 else value[:40] + "…"
        return f'"{short}"'
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a huge number"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _key_shown(key: str) -> str:
    short = key if len(key) <= 40 else key[:40] + "…"
    return short if re.fullmatch(r"[A-Za-z0-9_-]+", short) else f'"{short}"'
