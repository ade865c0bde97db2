"""`fishd run` in the current process, with parts that a test replaces."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from fishd.core.config.config import Config
from fishd.daemon.app import run
from fishd.daemon.config.reload import Environment
from fishd.host.config_file import load_config
from fishd.host.log.logs import set_up_logs
from fishd.host.nvml import Nvml, NvmlLibrary
from fishd.spool.durable.disk import Disk
from fishd.spool.root import open_spool


def run_daemon(
    config_path: Path,
    *,
    nvml: Nvml | None = None,
    environ: Mapping[str, str] = os.environ,
    make_disk: Callable[[Path], Disk] | None = None,
    once: bool = False,
) -> int:
    """Serve the spool of this configuration; the exit code. `make_disk` gets the spool's root."""

    def load() -> Config:
        return load_config(config_path, os.environ)

    config = load()
    logs = set_up_logs(config.log)
    with open_spool(config.spool.root) as spool:
        disk = spool.disk if make_disk is None else make_disk(spool.root)
        environment = Environment(nvml or NvmlLibrary(), environ, load)
        return run(config, replace(spool, disk=disk), logs, environment, once=once)
