"""`python -m tests.daemon.fake_nvml_daemon --gpus FILE --config PATH`: `fishd run` with the GPUs of a file.

The file holds a JSON list with the UUID of each GPU, or the error with which it cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from fishd.host.nvml import GpuFault, GpuReading
from tests.daemon.run_daemon import run_daemon

GIB = 2**30


class FileNvml:
    """Reads the file again at every call. Without the file the driver does not answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self) -> int:
        return len(self._gpus())

    def read(self, index: int) -> GpuReading:
        gpu = self._gpus()[index]
        if not gpu.startswith("GPU-"):
            raise GpuFault(gpu)
        return GpuReading("NVIDIA GeForce RTX 4090", gpu, 24 * GIB, 24 * GIB)

    def _gpus(self) -> list[str]:
        try:
            return json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise GpuFault("the driver does not answer") from None


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpus", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    given = parser.parse_args()
    return run_daemon(given.config, nvml=FileNvml(given.gpus), environ={})


if __name__ == "__main__":
    sys.exit(main())
