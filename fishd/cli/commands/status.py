"""`fishd status`: what the daemon last said of itself, once, as JSON, or redrawn as it changes."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from fishd import __version__
from fishd.cli.locate import load, spool_root, status_of, why_silent
from fishd.cli.output import NOT_ALL_WELL, WELL, console, say
from fishd.core.model.result import Status

REDRAW_S = 0.5


def show_status(config: Path | None, *, as_json: bool, watch: bool) -> int:
    """Print the daemon's state; the exit code says whether one runs."""
    root = spool_root(load(config))
    if watch and not as_json and console().is_terminal:
        return _watch(root)
    status = status_of(root)
    trouble = why_silent(root, status)
    if as_json:
        print(_json(status or _never(root), trouble))
    elif status is None:
        say(trouble or "a daemon is starting; it has said nothing of itself yet")
    else:
        _print(status, trouble)
    return NOT_ALL_WELL if trouble else WELL


def _print(status: Status, trouble: str | None) -> None:
    from fishd.view.status.status_view import full

    console().print(full(status, trouble), crop=False)


def _watch(root: Path) -> int:
    """Until Ctrl-C, which is how one leaves it."""
    with suppress(KeyboardInterrupt):
        _redraw(root)
    return WELL


def _redraw(root: Path) -> NoReturn:
    from rich.live import Live
    from rich.text import Text

    from fishd.view.status.status_view import full

    with Live(console=console(), screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            status = status_of(root)
            trouble = why_silent(root, status)
            shown = full(status, trouble) if status else Text(trouble or "a daemon is starting")
            live.update(shown, refresh=True)
            time.sleep(REDRAW_S)


def _json(status: Status, trouble: str | None) -> str:
    """status.json's fields and `trouble`: null, or in words why no daemon serves the spool now."""
    said = msgspec.to_builtins(status)
    if trouble:
        said["state"] = "stopped"
    return msgspec.json.format(msgspec.json.encode({**said, "trouble": trouble}), indent=2).decode()


def _never(root: Path) -> Status:
    """The status of a spool that no daemon has served."""
    return Status(version=__version__, pid=0, at="", started="", state="starting", engine="", spool=str(root))
