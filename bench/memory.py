"""Does the daemon's memory grow with the number of jobs?

    python bench/memory.py [--jobs 16000] [--trace]

Runs the daemon in this process, with an engine that returns at once, and drops three-segment jobs in batches
of 20. After each eighth of the jobs it prints the resident memory before and after malloc_trim(3), which
returns freed memory to the system. With --trace it prints the bytes that Python has allocated instead
(tracemalloc; several times slower), and the lines of code whose allocations grew most in the second half.
Caches fill during the first 5,000 jobs: measure 16,000 or more.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path

import psutil
from load import make_bundle
from measured_daemon import num_entries, wait_for

from fishd.core.config.parse import parse_config
from fishd.daemon.app import run
from fishd.daemon.config.reload import Environment
from fishd.host.log.logs import set_up_logs
from fishd.host.nvml import NvmlLibrary
from fishd.spool.root import open_spool

CONFIG = """
spool = { settle_s = 0 }
pool = { cpu_workers = 2 }
engine = { name = "tests.engines.noop:factory", options = { tone_s = 0.06 } }
log = { level = "error" }
quality = { check = "off" }
"""
MIB = 1 << 20
BATCH = 20


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=16_000)
    parser.add_argument("--trace", action="store_true")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])  # the workers import the no-op engine
    root = Path(tempfile.mkdtemp(prefix="fishd-memory-"))
    if arguments.trace:
        tracemalloc.start(4)
    threading.Thread(target=feed, args=(root, arguments.jobs), daemon=True).start()
    config = parse_config(CONFIG, str(root / "config.toml"), {})
    logs = set_up_logs(config.log)
    with open_spool(config.spool.root) as spool:
        run(config, spool, logs, Environment(NvmlLibrary(), os.environ, lambda: config))
    shutil.rmtree(root)
    return 0


def feed(root: Path, jobs: int) -> None:
    """Drop jobs, wait for their results, remove those; measure after each eighth."""
    spool, staging = root / "spool", root / "staging"
    wait_for((spool / "inbox").exists, "the daemon")
    staging.mkdir()
    done, readings, snapshots = 0, list[float](), list[tracemalloc.Snapshot]()
    for eighth in range(1, 9):
        while done < jobs * eighth // 8:
            for number in range(done, done + BATCH):
                make_bundle(staging / f"job{number}", 3)
                (staging / f"job{number}").rename(spool / "inbox" / f"job{number}")
            done += BATCH
            wait_for(
                lambda: num_entries(spool / "outbox") >= BATCH and num_entries(spool / "work") == 0, "results"
            )
            for folder in ("outbox", "archive"):
                for path in (spool / folder).iterdir():
                    shutil.rmtree(path)
        readings.append(measure(done, snapshots))
    a_job = (readings[-1] - readings[3]) / (jobs / 2)
    kind = "traced" if snapshots else "resident, after malloc_trim"
    print(f"growth in the second half: {a_job:.1f} bytes a job ({kind})")
    if snapshots:
        for grown in snapshots[-1].compare_to(snapshots[3], "lineno")[:5]:
            print(f"  {grown.size_diff / (jobs / 2):+.2f} bytes a job  {grown.traceback}")
    os.kill(os.getpid(), signal.SIGTERM)


def measure(jobs: int, snapshots: list[tracemalloc.Snapshot]) -> float:
    """Bytes: those traced if tracing, else those resident after malloc_trim."""
    gc.collect()
    time.sleep(1.0)  # for what the daemon does within a second: journal syncs, status.json
    gc.collect()
    if tracemalloc.is_tracing():
        snapshots.append(tracemalloc.take_snapshot())
        traced = sum(stat.size for stat in snapshots[-1].statistics("filename"))
        print(f"{jobs:7} jobs: {traced / MIB:6.2f} MiB traced", flush=True)
        return float(traced)
    before = psutil.Process().memory_info().rss
    ctypes.CDLL(None).malloc_trim(0)
    after = psutil.Process().memory_info().rss
    print(f"{jobs:7} jobs: {before / MIB:6.1f} MiB resident, {after / MIB:6.1f} trimmed", flush=True)
    return float(after)


if __name__ == "__main__":
    sys.exit(main())
