"""`python -m tests.faults.syncfs_daemon --config PATH --once`: `fishd run --once` that always uses syncfs.

fishd itself uses it only while the machine has little dirty memory.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fishd.spool.durable.syncfs import SyncfsDisk
from tests.daemon.run_daemon import run_daemon


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--once", action="store_true")
    given = parser.parse_args()
    return run_daemon(
        given.config, make_disk=lambda root: SyncfsDisk(root, dirty_bytes=lambda: 0), once=given.once
    )


if __name__ == "__main__":
    sys.exit(main())
