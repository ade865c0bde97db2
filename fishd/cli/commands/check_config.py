"""`fishd check --config F`: what is wrong with a configuration, or what it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from fishd.cli import marked_lines as lines
from fishd.cli.locate import load
from fishd.core.config.config import Config
from fishd.core.config.parse import parse_config
from fishd.core.text.humanize import count


def check_config(path: Path | None, out: Console) -> Config:
    """Say that it is good and what differs from the defaults. Raises CommandError with all its faults."""
    config = load(path)
    changed = list(_changed(config))
    where = str(config.source) if config.source.exists() else f"{config.source} is not there; the defaults"
    said = (
        f"{count(len(changed), 'key')} set otherwise than by default"
        if changed
        else "all keys at their defaults"
    )
    lines.marked(out, lines.GOOD, f"{where}: good: {said}", style="bold")
    for line in changed:
        lines.marked(out, lines.NOTE, line, indent=2, style="dim")
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
