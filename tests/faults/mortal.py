"""`python -m tests.faults.mortal CONFIG STEPS [LAST]`: `fishd run --once` on a disk that is its death.

Before its step number LAST, counted over claim, journal and publish, the process kills itself with -9; a
write or an append is two steps, torn between. Without LAST it lives, and leaves the number of its steps
in the file STEPS.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from fishd.daemon.app import run
from fishd.daemon.config.reload import Environment
from fishd.host.config_file import load_config
from fishd.host.gpus import NvmlLibrary
from fishd.host.log.logs import set_up_logs
from fishd.spool.durable.disk import Disk, create
from fishd.spool.root import open_spool


class MortalDisk(Disk):
    """Every call that changes the spool, counted."""

    def __init__(self, last: int | None) -> None:
        self.steps = 0
        self._last = last
        self._one_at_a_time = threading.Lock()

    def _step(self) -> None:
        with self._one_at_a_time:
            if self.steps == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
            self.steps += 1

    def make_folder(self, path: Path) -> None:
        self._step()
        super().make_folder(path)

    def write(self, path: Path, content: bytes) -> None:
        self._step()
        fd = create(path)
        os.write(fd, content[: len(content) // 2])
        self._step()
        os.write(fd, content[len(content) // 2 :])
        os.close(fd)

    def append(self, fd: int, content: bytes) -> None:
        self._step()
        os.write(fd, content[: len(content) // 2])
        self._step()
        os.write(fd, content[len(content) // 2 :])

    def sync(self, fd: int) -> None:
        self._step()

    def sync_folder(self, path: Path) -> None:
        self._step()

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def remove_file(self, path: Path) -> None:
        self._step()
        super().remove_file(path)

    def remove_folder(self, path: Path) -> None:
        self._step()
        super().remove_folder(path)


def main() -> int:
    config_path, steps_path = Path(sys.argv[1]), Path(sys.argv[2])
    disk = MortalDisk(int(sys.argv[3]) if len(sys.argv) > 3 else None)
    config = load_config(config_path, os.environ)
    logs = set_up_logs(config.log)
    with open_spool(config.spool.root) as spool:
        around = Environment(NvmlLibrary(), os.environ, lambda: load_config(config_path, os.environ))
        code = run(config, replace(spool, disk=disk), logs, around, once=True)
    steps_path.write_text(str(disk.steps), encoding="ascii")
    return code


if __name__ == "__main__":
    sys.exit(main())
