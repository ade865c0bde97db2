"""Many bundles at once, one huge bundle, and a long run: does anything grow that should not?

    python bench/load.py [--jobs 10000] [--segments 20000] [--soak 0] [--spool FOLDER]

With an engine that returns at once. Prints, all from this run on this machine:

- the time for JOBS one-segment bundles that are renamed in at once, against a tenth of them on separate
  daemons before and after (bar: at most 12 times as long), and the daemon's peak memory (bar: under 300 MB);
  every bundle must be published exactly once, with status done;
- the time and the daemon's peak memory for one bundle of SEGMENTS segments, against a tenth of them;
- with --soak SECONDS: a steady stream of jobs, and the memory and descriptors of the daemon and its workers
  after a tenth of that time and at the end.

Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
from measured_daemon import make_bundle as write_bundle
from measured_daemon import num_entries, running_daemon, wav
from measured_daemon import wait_for as wait

REFERENCE = wav(1.2, 16_000)
HEAD = '[[speakers]]\nname = "Ada"\nreference = "ada.wav"\ntranscript = "A tone."\n'
MIB = 1 << 20
wait_for = partial(wait, limit_s=1_800.0, step_s=0.05)


def main() -> int:
    arguments = parse()
    passed = True
    with tempfile.TemporaryDirectory(prefix="fishd-load-", dir=arguments.spool) as folder:
        root = Path(folder)
        print(f"machine: {platform.machine()}, {os.cpu_count()} cores; spool in {root.parent}")
        if arguments.jobs:
            passed = many_bundles(root, arguments.jobs) and passed
        if arguments.segments:
            passed = huge_bundle(root, arguments.segments) and passed
        if arguments.soak:
            passed = soak(root, arguments.soak) and passed
    print("all bars passed" if passed else "A BAR WAS MISSED")
    return 0 if passed else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=10_000, help="0: skip")
    parser.add_argument("--segments", type=int, default=20_000, help="0: skip")
    parser.add_argument("--soak", type=float, default=0.0, metavar="S", help="seconds")
    parser.add_argument("--spool", metavar="FOLDER", help="where to make the spools; default: /tmp")
    return parser.parse_args()


# ---- many bundles ---------------------------------------------------------------------------------------


def many_bundles(root: Path, jobs: int) -> bool:
    """The tenth runs before and after: a file system is slower after many files were deleted."""
    before_s, _ = finish_jobs(root / "few", jobs // 10)
    many_s, rss_mb = finish_jobs(root / "many", jobs)
    after_s, _ = finish_jobs(root / "few again", jobs // 10)
    few_s = (before_s + after_s) / 2
    ratio = many_s / few_s
    each = f"{before_s:.1f} s before and {after_s:.1f} s after the many"
    print(f"{jobs // 10:6} bundles: {few_s:8.1f} s   {jobs / 10 / few_s:8.1f} a second ({each})")
    print(f"{jobs:6} bundles: {many_s:8.1f} s   {jobs / many_s:8.1f} a second, each published once")
    print(f"ratio:          {ratio:8.2f}     (bar: <= 12)")
    print(f"daemon's RSS:   {rss_mb:8.1f} MB  (bar: < 300 MB)")
    return ratio <= 12 and rss_mb < 300


def finish_jobs(root: Path, jobs: int) -> tuple[float, float]:
    """Seconds from the first rename to the last result, and the daemon's peak memory in MB."""
    with running_daemon(root, check="off") as process:
        spool = root / "spool"
        names = [f"job{n}" for n in range(jobs)]
        (root / "staging").mkdir()
        for name in names:
            make_bundle(root / "staging" / name, 1)
        with peak_memory(process) as peak:
            started = time.perf_counter()
            for name in names:
                (root / "staging" / name).rename(spool / "inbox" / name)
            wait_for(lambda: num_entries(spool / "outbox") >= jobs, f"{jobs} results")
            seconds = time.perf_counter() - started
            wait_for(lambda: num_entries(spool / "work") == 0, "work/ to be empty")
        assert sorted(names) == sorted(path.name for path in (spool / "outbox").iterdir()), "each once"
        for name in names:
            result = json.loads((spool / "outbox" / name / "result.json").read_bytes())
            assert result["status"] == "done", (name, result["status"])
            assert (spool / "archive" / name / "job.toml").exists()
        return seconds, peak[0] / MIB


# ---- one huge bundle ------------------------------------------------------------------------------------


def huge_bundle(root: Path, segments: int) -> bool:
    few_s, _ = finish_segments(root / "short", segments // 10)
    many_s, rss_mb = finish_segments(root / "huge", segments)
    print(f"{segments // 10:6} segments: {few_s:7.1f} s   {segments / 10 / few_s:8.1f} a second")
    print(f"{segments:6} segments: {many_s:7.1f} s   {segments / many_s:8.1f} a second")
    print(f"ratio:          {many_s / few_s:8.2f}     (bar: <= 12)")
    print(f"daemon's RSS:   {rss_mb:8.1f} MB  (bar: < 300 MB)")
    return many_s / few_s <= 12 and rss_mb < 300


def finish_segments(root: Path, segments: int) -> tuple[float, float]:
    with running_daemon(root, check="off") as process:
        spool = root / "spool"
        (root / "staging").mkdir()
        make_bundle(root / "staging" / "huge", segments)
        with peak_memory(process) as peak:
            started = time.perf_counter()
            (root / "staging" / "huge").rename(spool / "inbox" / "huge")
            wait_for((spool / "outbox" / "huge").exists, "the result", limit_s=3_600)
            seconds = time.perf_counter() - started
        totals = json.loads((spool / "outbox" / "huge" / "result.json").read_bytes())["totals"]
        assert totals["done"] == segments, totals
        return seconds, peak[0] / MIB


# ---- soak -----------------------------------------------------------------------------------------------


def soak(root: Path, seconds: float) -> bool:
    """A stream of jobs whose results are removed; the first tenth of the time warms up."""
    root = root / "soak"
    with running_daemon(root, check="off") as process:
        spool, staging = root / "spool", root / "staging"
        staging.mkdir()
        started, number, before = time.perf_counter(), 0, None
        while (elapsed := time.perf_counter() - started) < seconds:
            for _ in range(20):
                make_bundle(staging / f"job{number}", 3)
                (staging / f"job{number}").rename(spool / "inbox" / f"job{number}")
                number += 1
            wait_for(
                lambda: num_entries(spool / "outbox") >= 20 and num_entries(spool / "work") == 0, "20 jobs"
            )
            for folder in ("outbox", "archive"):
                subprocess.run(["find", str(spool / folder), "-mindepth", "1", "-delete"], check=True)
            if before is None and elapsed > seconds / 10:
                before = resources(process)
        after = resources(process)
        before = before or after
    print(f"soak: {number} jobs in {seconds:.0f} s")
    for what in before:
        print(f"  {what:22} {before[what]:10.1f} -> {after[what]:10.1f}")
    grown = after["daemon's RSS, MB"] - before["daemon's RSS, MB"]
    return grown < 20 and after["daemon's descriptors"] <= before["daemon's descriptors"] + 5


def resources(daemon: psutil.Process) -> dict[str, float]:
    workers = daemon.children()
    return {
        "daemon's RSS, MB": daemon.memory_info().rss / MIB,
        "daemon's descriptors": daemon.num_fds(),
        "daemon's threads": daemon.num_threads(),
        "workers' RSS, MB": sum(worker.memory_info().rss for worker in workers) / MIB,
        "workers' descriptors": sum(worker.num_fds() for worker in workers),
    }


@contextmanager
def peak_memory(process: psutil.Process) -> Iterator[list[int]]:
    """The largest resident set of the process while the context is open, in bytes, sampled every 0.1 s."""
    peak, stop = [0], threading.Event()

    def sample() -> None:
        while not stop.wait(0.1):
            peak[0] = max(peak[0], process.memory_info().rss)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def make_bundle(folder: Path, segments: int) -> None:
    lines = "".join(f'[[speakers.segments]]\ntext = "Line {n} of {folder.name}."\n' for n in range(segments))
    write_bundle(folder, HEAD + lines, REFERENCE)


if __name__ == "__main__":
    sys.exit(main())
