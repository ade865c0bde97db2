"""`fishd check --config FILE`: the faults of a configuration, or what it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from fishd.cli.findings import NOTE, OK, Finding, print_finding
from fishd.cli.locate import read_config
from fishd.core.config.config import Config
from fishd.core.config.parse import parse_config
from fishd.core.text.humanize import count
from fishd.toml import display

_UNSET = object()
_NONE = {"output.loudness": '"off"', "output.tracks": "not set"}  # of other keys it is an empty string


def check_config(path: Path | None, out: Console) -> Config:
    """Print what differs from the defaults. Raises CommandError with all faults of the file."""
    config = read_config(path)
    changed = list(_changed(config))
    tally = f"{count(len(changed), 'key')} changed" if changed else "every key has its default"
    state = "ok" if config.source.exists() else "does not exist"
    print_finding(out, Finding(OK, f"{config.source}: {state}, {tally}"), style="bold")
    for line in changed:
        print_finding(out, Finding(NOTE, line), indent=2, style="dim")
    return config


def _changed(config: Config) -> Iterator[str]:
    """`pool.max_takes = 5 (default 3)` for each key that the file or the environment sets."""
    defaults = dict(_keys(parse_config("", str(config.source), {})))
    for key, value in _keys(config):
        default = defaults.get(key, _UNSET)
        if value != default:
            note = "" if default is _UNSET else f" (default {_shown(key, default)})"
            yield f"{key} = {_shown(key, value)}{note}"


def _keys(config: Config) -> Iterator[tuple[str, object]]:
    """Every key with its value; of [pronounce], the words that it has."""
    for section, keys in _items(config):
        if section == "source":
            continue
        for name, value in _items(keys):
            is_nested = is_dataclass(value)  # output.delivery
            for key, kept in _items(value) if is_nested else [(name, value)]:
                yield f"{section}.{display.key(key)}", kept


def _items(section: Any) -> list[tuple[str, Any]]:
    if isinstance(section, Mapping):
        return list(cast("Mapping[str, object]", section).items())
    return [(field.name, getattr(section, field.name)) for field in fields(section)]


def _shown(key: str, value: object) -> str:
    match value:
        case None:
            return _NONE.get(key, '""')
        case Path():
            return display.value(str(value))
        case tuple():
            return display.value(list(cast("tuple[object, ...]", value)))
        case Mapping():
            named = {str(name): inner for name, inner in cast("Mapping[object, object]", value).items()}
            return display.value(named)
        case _:
            return display.value(value)
