"""`python -m tests.faults.crash_at_step --steps FILE --config PATH`: `fishd run` on a CrashDisk.

With `--last N` the process kills itself with SIGKILL before step number N of its disk, counted over claim,
journal and publication. Otherwise it exits by itself, and writes the number of its steps to FILE.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from tests.daemon.run_daemon import run_daemon
from tests.shell.crash_disk import CrashDisk


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=Path, required=True)
    parser.add_argument("--last", type=int)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--once", action="store_true")
    given = parser.parse_args()
    disk = CrashDisk(given.last, lambda: os.kill(os.getpid(), signal.SIGKILL))
    code = run_daemon(given.config, make_disk=lambda _: disk, once=given.once)
    given.steps.write_text(str(disk.steps), encoding="ascii")
    return code


if __name__ == "__main__":
    sys.exit(main())
