"""Reads a table key by key. Each fault is collected with its place, and reading continues."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar, cast

from fishd.toml.display import Place, dotted
from fishd.toml.rules import Rule, any_list, any_table

T = TypeVar("T")
Faults = list[tuple[Place, str]]  # where and what
Rules = Mapping[str, Rule[object]]  # by key


class Table:
    """A table and its place in the text. Methods leave out what is invalid, or return None for it.

    `noun` and `homes` are for the faults of unknown keys: what a key would be, and the section of each key
    that belongs elsewhere.
    """

    def __init__(
        self,
        content: Mapping[str, object],
        faults: Faults,
        place: Place = (),
        *,
        noun: str = "a known key",
        homes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._content = content
        self._place = place
        self._noun = noun
        self._homes = homes
        # The mutable state; the caller's list collects the faults.
        self._faults = faults
        self._known: dict[str, None] = {}  # the keys that were read, in order
        self._faulty: set[str | int] = set()

    def at(self, *below: str | int) -> str:
        """The place of a key; without a key, of the table."""
        return dotted((*self._place, *below))

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def fault(self, what: str, *below: str | int) -> None:
        """Add a fault of a key; without a key, of the table."""
        self._faults.append(((*self._place, *below), what))
        self._faulty.update(below[:1])

    def is_faulty(self, key: str) -> bool:
        """Has this key a fault?"""
        return key in self._faulty

    def get(self, key: str, rule: Rule[T]) -> T | None:
        """A value; None if it is absent or invalid."""
        return None if self._lacks(key) else self._keep(rule, self._content[key], key)

    def each(self, key: str, rule: Rule[T]) -> tuple[tuple[str, T], ...]:
        """The values of a list, or a single value in place of a list; each with its place."""
        if self._lacks(key):
            return ()
        listed = self._content[key]
        if not isinstance(listed, list):
            one = self.get(key, _or_list(rule))
            return () if one is None else ((self.at(key), one),)
        values = enumerate(cast("list[object]", listed))
        kept = [(self.at(key, n), self._keep(rule, value, key, n)) for n, value in values]
        return tuple((where, value) for where, value in kept if value is not None)

    def every(self, rule: Rule[T]) -> dict[str, T]:
        """All values of a table with any keys."""
        kept = {key: self.get(key, rule) for key in self._content}
        return {key: value for key, value in kept.items() if value is not None}

    def table(self, key: str) -> Table | None:
        """A table inside this one."""
        if self._lacks(key):
            return None
        content = self.get(key, any_table(f"a section, written [{self._name(key)}]"))
        return None if content is None else self._below(content, key)

    def tables(self, key: str) -> tuple[Table, ...]:
        """A list of tables, written [[key]]."""
        if self._lacks(key):
            return ()
        entries = self.get(key, any_list(f"a list of tables, written [[{self._name(key)}]]")) or ()
        rule = any_table("a table")
        contents = ((n, self._keep(rule, entry, key, n)) for n, entry in enumerate(entries))
        return tuple(self._below(content, key, n) for n, content in contents if content is not None)

    def read(self, rules: Rules) -> dict[str, Any]:
        """The valid values of a table with one rule per key; any other key is a fault."""
        kept = {key: self.get(key, rule) for key, rule in rules.items()}
        self.close()
        return {key: value for key, value in kept.items() if value is not None}

    def close(self) -> None:
        """Add a fault for every key that was not read."""
        for key in self._content:
            if key not in self._known:
                self.fault(unknown_key(key, self._known, self._noun, self._homes.get(key, "")), key)

    def _lacks(self, key: str) -> bool:
        """Is the key, which is known from now on, absent?"""
        self._known[key] = None
        return key not in self._content

    def _keep(self, rule: Rule[T], value: object, *below: str | int) -> T | None:
        try:
            return rule.keep(value)
        except ValueError as refused:
            return self.fault(str(refused), *below)

    def _below(self, content: Mapping[str, object], *below: str | int) -> Table:
        return Table(content, self._faults, (*self._place, *below), homes=self._homes)

    def _name(self, key: str) -> str:
        """A key's full name as in a header, without positions in lists."""
        return dotted((*(part for part in self._place if isinstance(part, str)), key))


@lru_cache(maxsize=64)
def _or_list(rule: Rule[Any]) -> Rule[Any]:
    """The same rule for a value that could also be a list."""
    return replace(rule, must=f"{rule.must}, or a list of them")


def read_table(content: Mapping[str, object], rules: Rules, noun: str) -> tuple[dict[str, Any], list[str]]:
    """The valid values of a table, and the faults of the others as `key: fault`."""
    faults: Faults = []
    kept = Table(content, faults, noun=noun).read(rules)
    return kept, [f"{dotted(place)}: {what}" for place, what in faults]


def read_sections(
    tree: Mapping[str, object], rules: Mapping[str, Rules], faults: Faults, free: Mapping[str, Rule[object]]
) -> dict[str, dict[str, Any]]:
    """The valid values of a file that consists of sections, by section and key.

    `free` are sections with any keys, each with the rule of its values.
    """
    file = Table(tree, faults, noun="a known section", homes=homes_of(rules))
    tables = {section: file.table(section) for section in (*rules, *free)}
    file.close()
    known = {
        section: table.read(rules[section]) if table else {}
        for section, table in tables.items()
        if section in rules
    }
    return known | {
        section: table.every(rule) if (table := tables[section]) else {} for section, rule in free.items()
    }


def homes_of(rules: Mapping[str, Rules]) -> dict[str, str]:
    """The first section that has a key, for each key."""
    return {key: section for section in reversed(list(rules)) for key in rules[section]}


def unknown_key(key: str, known: Iterable[str], noun: str = "a known key", home: str = "") -> str:
    """The fault of an unknown key, with the likeliest key, the section it belongs in, or all known keys."""
    if close := difflib.get_close_matches(key[:50], known, n=1):
        return f"is not {noun}; did you mean {close[0]}?"
    return f"is not {noun}; " + (f"it belongs in [{home}]" if home else f"known are {', '.join(known)}")
