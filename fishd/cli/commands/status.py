"""`fishd status`: the daemon's last status, printed once, as JSON, or redrawn as it changes."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from fishd import __version__
from fishd.cli.locate import last_status, read_config, spool_root, why_no_daemon
from fishd.cli.output import EXIT_FAILED, EXIT_OK, console, print_message
from fishd.core.model.status import Status

REDRAW_S = 0.5


def show_status(config: Path | None, *, as_json: bool, watch: bool) -> int:
    """Print the daemon's status; EXIT_FAILED if none is running."""
    root = spool_root(read_config(config))
    if watch and not as_json and console().is_terminal:
        return _watch(root)
    status = last_status(root)
    trouble = why_no_daemon(root, status)
    if as_json:
        print(_json(status or _no_status(root), trouble))
    elif status is None:
        print_message(trouble or "a daemon is starting; it has no status yet")
    else:
        _print(status, trouble)
    return EXIT_FAILED if trouble else EXIT_OK


def _print(status: Status, trouble: str | None) -> None:
    from fishd.view.status.status_view import full_status

    console().print(full_status(status, trouble), crop=False)


def _watch(root: Path) -> int:
    """Redraw until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        _redraw(root)
    return EXIT_OK


def _redraw(root: Path) -> NoReturn:
    from rich.live import Live
    from rich.text import Text

    from fishd.view.status.status_view import full_status

    with Live(console=console(), screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            status = last_status(root)
            trouble = why_no_daemon(root, status)
            shown = full_status(status, trouble) if status else Text(trouble or "a daemon is starting")
            live.update(shown, refresh=True)
            time.sleep(REDRAW_S)


def _json(status: Status, trouble: str | None) -> str:
    """The fields of status.json, and `trouble`: null, or why no daemon serves the spool now."""
    fields = msgspec.to_builtins(status)
    if trouble:
        fields["state"] = "stopped"
    return msgspec.json.format(msgspec.json.encode({**fields, "trouble": trouble}), indent=2).decode()


def _no_status(root: Path) -> Status:
    """The status of a spool that no daemon has served yet."""
    return Status(version=__version__, pid=0, at="", started="", state="starting", engine="", spool=str(root))
