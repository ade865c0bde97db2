"""`fishd run`."""

from __future__ import annotations

import os
from pathlib import Path

from fishd.cli.output import BUSY, NOT_ALL_WELL, USAGE, complain
from fishd.core.config.config import BadConfig
from fishd.core.transient_errors import is_transient
from fishd.daemon.config.reload import Environment
from fishd.daemon.event_loop import Daemon, run
from fishd.host.config_file import load_config
from fishd.host.log.logs import BadLogFile, set_up_logs
from fishd.host.nvml import NvmlLibrary
from fishd.spool.errors import SpoolBusy, SpoolError
from fishd.spool.root import open_spool


def run_daemon(path: Path | None, *, once: bool) -> int:
    """Serve one spool until told to stop; the exit code."""
    try:
        config = load_config(path, os.environ)
        logs = set_up_logs(config.log)
    except (BadConfig, BadLogFile) as error:
        complain(error)
        return USAGE
    try:
        with open_spool(config.spool.root) as spool:
            around = Environment(NvmlLibrary(), os.environ, lambda: load_config(path, os.environ))
            return run(Daemon(config, spool, logs, around, once=once))
    except SpoolBusy as error:
        complain(error)
        return BUSY
    except SpoolError as error:
        complain(error)
        cause = error.__cause__
        is_passing = isinstance(cause, OSError) and is_transient(
            cause
        )  # a full disk: starting again may help
        return NOT_ALL_WELL if is_passing else USAGE
    finally:
        logs.close()
