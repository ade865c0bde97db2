"""`fishd check --config FILE`: the faults of a configuration, or what it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from fishd.cli.findings import NOTE, OK, Finding, print_finding
from fishd.cli.locate import read_config
from fishd.core.config.config import Config
from fishd.core.config.parse import parse_config
from fishd.core.text.humanize import count


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
    defaults = parse_config("", str(config.source), {})
    for section in fields(config):
        now, before = getattr(config, section.name), getattr(defaults, section.name)
        if section.name == "source":
            continue
        for key in fields(now):
            value, default = getattr(now, key.name), getattr(before, key.name)
            if value != default:
                yield f"{section.name}.{key.name} = {_shown(value)} (default {_shown(default)})"


def _shown(value: object) -> str:
    match value:
        case None:
            return '""'
        case bool():
            return str(value).lower()
        case str() | Path():
            return f'"{value}"'
        case _:
            return str(value)
