"""`python -m tests.faults.crash_at_step CONFIG STEPS [LAST]`: `fishd run --once`, killed before one step.

Before step number LAST of its disk, counted over claim, journal and publish, the process kills itself with
SIGKILL. Without LAST it ends by itself, and writes the number of its steps to the file STEPS.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from fishd.daemon.app import run
from fishd.daemon.config.reload import Environment
from fishd.host.config_file import load_config
from fishd.host.log.logs import set_up_logs
from fishd.host.nvml import NvmlLibrary
from fishd.spool.root import open_spool
from tests.shell.crash_disk import CrashDisk


def main() -> int:
    config_path, steps_path = Path(sys.argv[1]), Path(sys.argv[2])
    last = int(sys.argv[3]) if len(sys.argv) > 3 else None
    disk = CrashDisk(last, lambda: os.kill(os.getpid(), signal.SIGKILL))
    config = load_config(config_path, os.environ)
    logs = set_up_logs(config.log)
    with open_spool(config.spool.root) as spool:
        around = Environment(NvmlLibrary(), os.environ, lambda: load_config(config_path, os.environ))
        code = run(config, replace(spool, disk=disk), logs, around, once=True)
    steps_path.write_text(str(disk.steps), encoding="ascii")
    return code


if __name__ == "__main__":
    sys.exit(main())
