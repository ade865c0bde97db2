"""`fishd reload`: have the daemon reload its configuration, and report whether it accepted it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from fishd.cli.locate import daemon_pid, last_status, read_config, spool_root
from fishd.cli.output import EXIT_FAILED, EXIT_OK, EXIT_USAGE, CommandError, print_error, print_message
from fishd.core.model.status import Status
from fishd.core.text.timestamps import rfc3339

WAIT_S = 30.0
POLL_S = 0.1


def reload(path: Path | None) -> int:
    """Send SIGHUP to the daemon of this configuration's spool and wait for the outcome; the exit code."""
    root = spool_root(read_config(path))
    pid = daemon_pid(root)
    if not pid:
        raise CommandError(f"{root}: no daemon is running; start one with `fishd run`", EXIT_FAILED)
    asked_at = rfc3339(time.time())
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError as error:
        fault = f"the daemon (process {pid}) is another user's; reload as that user, or save config.toml"
        raise CommandError(fault, EXIT_FAILED) from error
    status = wait_for_outcome(lambda: last_status(root), asked_at)
    if status.config_faults:
        print_message("the new configuration was rejected; the old one stays in force:")
        for fault in status.config_faults:
            print_error(fault)
        return EXIT_USAGE
    print_message(f"the daemon (process {pid}) has reloaded its configuration")
    return EXIT_OK


def wait_for_outcome(
    read_status: Callable[[], Status | None], asked_at: str, pause: Callable[[float], object] = time.sleep
) -> Status:
    """The first status whose configuration was read after `asked_at`. Raises CommandError after WAIT_S.

    A reload that began earlier, for a file that was saved before, says nothing about the file as it is now.
    """
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        status = read_status()
        if status is not None and status.config_read_at >= asked_at:
            return status
        pause(POLL_S)
    raise CommandError(f"the daemon did not answer within {WAIT_S:.0f} s; see its log", EXIT_FAILED)
