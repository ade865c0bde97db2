"""`fishd reload`: have the daemon read its configuration again, and say how that went."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from fishd.cli.places import daemon_pid, load, spool_root, status_of
from fishd.cli.talk import NOT_ALL_WELL, USAGE, WELL, CommandError, complain, say
from fishd.core.result import Status

WAIT_S = 30.0
LOOK_EVERY_S = 0.1


def reload(path: Path | None) -> int:
    """Send SIGHUP to the daemon of this configuration's spool, and wait for what became of it."""
    root = spool_root(load(path))
    pid = daemon_pid(root)
    if not pid:
        raise CommandError(f"{root}: no daemon serves this spool; start one with `fishd run`", NOT_ALL_WELL)
    before = _reloads(status_of(root))
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError as error:
        what = f"the daemon (process {pid}) is another user's; ask as that user, or save config.toml"
        raise CommandError(what, NOT_ALL_WELL) from error
    status = _outcome(root, before)
    if status.config_faults:
        complain("the new configuration was not taken; the old one stays:")
        for fault in status.config_faults:
            complain(fault)
        return USAGE
    say(f"the daemon (process {pid}) has taken the configuration over")
    return WELL


def _outcome(root: Path, before: int) -> Status:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        status = status_of(root)
        if status is not None and _reloads(status) > before:
            return status
        time.sleep(LOOK_EVERY_S)
    raise CommandError(f"the daemon has not answered in {WAIT_S:.0f} s; see its log", NOT_ALL_WELL)


def _reloads(status: Status | None) -> int:
    return status.reloads if status else 0
