"""`fishd reload`: have the daemon read its configuration again, and say how that went."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from fishd.cli.locate import daemon_pid, load, spool_root, status_of
from fishd.cli.output import NOT_ALL_WELL, USAGE, WELL, CommandError, complain, say
from fishd.core.model.result import Status
from fishd.core.text.timestamps import rfc3339

WAIT_S = 30.0
LOOK_EVERY_S = 0.1


def reload(path: Path | None) -> int:
    """Send SIGHUP to the daemon of this configuration's spool, and wait for what became of it."""
    root = spool_root(load(path))
    pid = daemon_pid(root)
    if not pid:
        raise CommandError(f"{root}: no daemon serves this spool; start one with `fishd run`", NOT_ALL_WELL)
    asked_at = rfc3339(time.time())
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError as error:
        what = f"the daemon (process {pid}) is another user's; ask as that user, or save config.toml"
        raise CommandError(what, NOT_ALL_WELL) from error
    status = outcome(lambda: status_of(root), asked_at)
    if status.config_faults:
        complain("the new configuration was not taken; the old one stays:")
        for fault in status.config_faults:
            complain(fault)
        return USAGE
    say(f"the daemon (process {pid}) has taken the configuration over")
    return WELL


def outcome(
    look: Callable[[], Status | None], asked_at: str, pause: Callable[[float], object] = time.sleep
) -> Status:
    """The first status after a reading of the file that began since then.

    Others may be on their way, the watch's of what was saved before, say; they tell nothing of the file now.
    """
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        status = look()
        if status is not None and status.config_read_at >= asked_at:
            return status
        pause(LOOK_EVERY_S)
    raise CommandError(f"the daemon has not answered in {WAIT_S:.0f} s; see its log", NOT_ALL_WELL)
