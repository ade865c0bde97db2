"""Many bundles at once, one huge bundle, and a long run: does anything grow that should not?

    python bench/load.py [--jobs 10000] [--segments 20000] [--soak 0] [--spool FOLDER]

With the no-op engine. Prints, all from this run on this machine:

- the time for JOBS one-segment bundles that are renamed in at once, against a tenth of them on daemons of
  their own before and after (bar: at most 12 times as long), and the most memory that the parent took (bar:
  under 300 MB); every bundle must be published once, and done;
- the time and the parent's memory for one bundle of so many segments, against a tenth of them;
- with --soak SECONDS: jobs without end; the parent's memory and descriptors, and its workers', at the
  beginning and at the end.
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
from common import count, wav
from common import wait_for as wait

ROOT = Path(__file__).resolve().parent.parent
RATE = 16_000
REFERENCE = wav(1.2, RATE)
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
    print("all bars are held" if passed else "A BAR IS MISSED")
    return 0 if passed else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--segments", type=int, default=20_000)
    parser.add_argument("--soak", type=float, default=0.0, help="seconds")
    parser.add_argument("--spool", default=None, help="where the spools are made")
    return parser.parse_args()


# ---- many bundles ---------------------------------------------------------------------------------------


def many_bundles(root: Path, jobs: int) -> bool:
    """The tenth runs before and after: a file system is slower when much was deleted in it just now."""
    before_s, _ = work_off(root / "few", jobs // 10)
    many_s, rss_mb = work_off(root / "many", jobs)
    after_s, _ = work_off(root / "few again", jobs // 10)
    few_s = (before_s + after_s) / 2
    ratio = many_s / few_s
    each = f"{before_s:.1f} s before and {after_s:.1f} s after the many"
    print(f"{jobs // 10:6} bundles: {few_s:8.1f} s   {jobs / 10 / few_s:8.1f} a second ({each})")
    print(f"{jobs:6} bundles: {many_s:8.1f} s   {jobs / many_s:8.1f} a second, each published once")
    print(f"ratio:          {ratio:8.2f}     (bar: <= 12)")
    print(f"parent's RSS:   {rss_mb:8.1f} MB  (bar: < 300 MB)")
    return ratio <= 12 and rss_mb < 300


def work_off(root: Path, jobs: int) -> tuple[float, float]:
    """Seconds from the first rename to the last result, and the parent's most memory in MB."""
    with daemon(root) as (process, spool):
        names = [f"job{n}" for n in range(jobs)]
        for name in names:
            make_bundle(root / "staging" / name, 1)
        with watched(process) as peak:
            started = time.perf_counter()
            for name in names:
                (root / "staging" / name).rename(spool / "inbox" / name)
            wait_for(lambda: count(spool / "outbox") >= jobs, f"{jobs} results")
            seconds = time.perf_counter() - started
            wait_for(lambda: count(spool / "work") == 0, "work/ to be cleared")
        assert sorted(names) == sorted(path.name for path in (spool / "outbox").iterdir()), "each once"
        for name in names:
            result = json.loads((spool / "outbox" / name / "result.json").read_bytes())
            assert result["status"] == "done", (name, result["status"])
            assert (spool / "archive" / name / "job.toml").exists()
        return seconds, peak[0] / MIB


# ---- one huge bundle ------------------------------------------------------------------------------------


def huge_bundle(root: Path, segments: int) -> bool:
    few_s, _ = speak_one(root / "short", segments // 10)
    many_s, rss_mb = speak_one(root / "huge", segments)
    print(f"{segments // 10:6} segments: {few_s:7.1f} s   {segments / 10 / few_s:8.1f} a second")
    print(f"{segments:6} segments: {many_s:7.1f} s   {segments / many_s:8.1f} a second")
    print(f"ratio:          {many_s / few_s:8.2f}     (bar: <= 12)")
    print(f"parent's RSS:   {rss_mb:8.1f} MB  (bar: < 300 MB)")
    return many_s / few_s <= 12 and rss_mb < 300


def speak_one(root: Path, segments: int) -> tuple[float, float]:
    with daemon(root) as (process, spool):
        make_bundle(root / "staging" / "huge", segments)
        with watched(process) as peak:
            started = time.perf_counter()
            (root / "staging" / "huge").rename(spool / "inbox" / "huge")
            wait_for((spool / "outbox" / "huge").exists, "the result", limit_s=3_600)
            seconds = time.perf_counter() - started
        totals = json.loads((spool / "outbox" / "huge" / "result.json").read_bytes())["totals"]
        assert totals["done"] == segments, totals
        return seconds, peak[0] / MIB


# ---- soak -----------------------------------------------------------------------------------------------


def soak(root: Path, seconds: float) -> bool:
    """Jobs without end, their results taken away; the first tenth warms up."""
    with daemon(root / "soak") as (process, spool):
        started, number, before = time.perf_counter(), 0, None
        while (elapsed := time.perf_counter() - started) < seconds:
            for _ in range(20):
                make_bundle(root / "soak" / "staging" / f"job{number}", 3)
                (root / "soak" / "staging" / f"job{number}").rename(spool / "inbox" / f"job{number}")
                number += 1
            wait_for(lambda: count(spool / "outbox") >= 20 and count(spool / "work") == 0, "20 jobs")
            for folder in ("outbox", "archive"):
                subprocess.run(["find", str(spool / folder), "-mindepth", "1", "-delete"], check=True)
            if before is None and elapsed > seconds / 10:
                before = census(process)
        after = census(process)
        before = before or after
    print(f"soak: {number} jobs in {seconds:.0f} s")
    for what in before:
        print(f"  {what:22} {before[what]:10.1f} -> {after[what]:10.1f}")
    grown = after["parent's RSS, MB"] - before["parent's RSS, MB"]
    return grown < 20 and after["parent's descriptors"] <= before["parent's descriptors"] + 5


def census(process: psutil.Process) -> dict[str, float]:
    workers = process.children()
    return {
        "parent's RSS, MB": process.memory_info().rss / MIB,
        "parent's descriptors": process.num_fds(),
        "parent's threads": process.num_threads(),
        "workers' RSS, MB": sum(worker.memory_info().rss for worker in workers) / MIB,
        "workers' descriptors": sum(worker.num_fds() for worker in workers),
    }


# ---- a daemon -------------------------------------------------------------------------------------------


@contextmanager
def daemon(root: Path) -> Iterator[tuple[psutil.Process, Path]]:
    (root / "staging").mkdir(parents=True)
    config = root / "config.toml"
    config.write_text(
        '[engine]\nname = "tests.engines.noop:factory"\n[pool]\ncpu_workers = 1\n[log]\nlevel = "error"\n'
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "fishd", "run", "-c", str(config)]
    process = subprocess.Popen(command, env=env, cwd=root)
    try:
        status = root / "spool" / "status.json"
        wait_for(
            lambda: status.exists() and '"state":"running"' in status.read_text(), "the daemon", limit_s=30
        )
        yield psutil.Process(process.pid), root / "spool"
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def watched(process: psutil.Process) -> Iterator[list[int]]:
    """The most memory that the process took, in bytes, looked at ten times a second."""
    peak, stop = [0], threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            peak[0] = max(peak[0], process.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def make_bundle(folder: Path, segments: int) -> None:
    folder.mkdir()
    lines = "".join(f'[[speakers.segments]]\ntext = "Line {n} of {folder.name}."\n' for n in range(segments))
    (folder / "job.toml").write_text(HEAD + lines)
    (folder / "ada.wav").write_bytes(REFERENCE)
    (folder / ".ready").touch()


if __name__ == "__main__":
    sys.exit(main())
