"""`fishd run`: the daemon, in the foreground."""

from __future__ import annotations

import os
from pathlib import Path

from fishd.cli.output import EXIT_BUSY, EXIT_FAILED, EXIT_USAGE, print_error
from fishd.core.config.config import BadConfig
from fishd.core.transient_errors import is_transient
from fishd.daemon.app import run
from fishd.daemon.config.reload import Environment
from fishd.host.config_file import load_config
from fishd.host.log.logs import BadLogFile, set_up_logs
from fishd.host.nvml import NvmlLibrary
from fishd.spool.errors import SpoolBusy, SpoolError
from fishd.spool.root import open_spool


def run_daemon(path: Path | None, *, once: bool) -> int:
    """Serve the spool until a signal stops it, or with `once` until the inbox is empty; the exit code."""
    try:
        config = load_config(path, os.environ)
        logs = set_up_logs(config.log)
    except (BadConfig, BadLogFile) as error:
        print_error(error)
        return EXIT_USAGE
    try:
        with open_spool(config.spool.root) as spool:
            environment = Environment(NvmlLibrary(), os.environ, lambda: load_config(path, os.environ))
            return run(config, spool, logs, environment, once=once)
    except SpoolBusy as error:
        print_error(error)
        return EXIT_BUSY
    except SpoolError as error:
        print_error(error)
        cause = error.__cause__
        may_pass = isinstance(cause, OSError) and is_transient(cause)  # a full disk: systemd starts it again
        return EXIT_FAILED if may_pass else EXIT_USAGE
    finally:
        logs.close()
