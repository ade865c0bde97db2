"""Runs a daemon on a machine with the cards that the file $CARDS names, instead of `python -m fishd run …`.

The file holds a JSON list: of each card its UUID, or the fault with which it cannot be read.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from fishd.core.config.config import Config
from fishd.daemon.app import run
from fishd.daemon.config.reload import Environment
from fishd.host.config_file import load_config
from fishd.host.log.logs import set_up_logs
from fishd.host.nvml import GpuFault, GpuReading
from fishd.spool.root import open_spool

GIB = 2**30


class FileNvml:
    """Reads the file anew at each look."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self) -> int:
        return len(self._cards())

    def read(self, index: int) -> GpuReading:
        card = self._cards()[index]
        if not card.startswith("GPU-"):
            raise GpuFault(card)
        return GpuReading("NVIDIA GeForce RTX 4090", card, 24 * GIB, 24 * GIB)

    def _cards(self) -> list[str]:
        try:
            return json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise GpuFault("the driver does not answer") from None


def main() -> int:
    path = Path(sys.argv[sys.argv.index("--config") + 1])

    def load() -> Config:
        return load_config(path, os.environ)

    config = load()
    logs = set_up_logs(config.log)
    with open_spool(config.spool.root) as spool:
        around = Environment(FileNvml(Path(os.environ["CARDS"])), {}, load)
        return run(config, spool, logs, around)


if __name__ == "__main__":
    sys.exit(main())
