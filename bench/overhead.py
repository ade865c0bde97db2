"""The overhead of the daemon itself, measured with an engine that returns at once.

    python bench/overhead.py [--jobs 500] [--rounds 3] [--spool FOLDER]

Prints figures that are all from this run on this machine:

- jobs a second, end to end, against a bare loop that does the same durable work (claim by rename, write a
  clip and a JSON file, fsync both and their folders, publish and archive by rename): the figure is the ratio;
  beside it the daemon's own processor time a job, which says most with --spool on a tmpfs;
- the time from a drop (a bundle with `.ready`, renamed into the inbox) to its claim: the median;
- the CPU that an idle daemon and its worker use, as a share of one core, over --idle seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import soundfile
from measured_daemon import make_bundle, num_entries, running_daemon, tone, wait_for, wav

CLIP_S = 1.0
SPEECH = f"tone_s = {CLIP_S}, pulsed = true"  # passes the signal check
RATE_HZ = 24_000
REFERENCE = wav(1.5, RATE_HZ)
MANIFEST = """
[[speakers]]
name = "Ada"
reference = "ada.wav"
transcript = "A reference of one second and a half."
  [[speakers.segments]]
  text = "One line."
"""


def main() -> None:
    arguments = parse()
    with tempfile.TemporaryDirectory(prefix="fishd-bench-", dir=arguments.spool) as folder:
        root = Path(folder)
        machine = platform.processor() or platform.machine()
        print(f"machine: {machine}, {os.cpu_count()} cores; spool in {root.parent}")
        bare: list[float] = []
        ours: list[float] = []
        with running_daemon(root, options=SPEECH, check=arguments.check) as process:
            load = DaemonLoad(root)
            load.finish_jobs(20)  # warm up
            cpu_ms: list[float] = []
            for n in range(arguments.rounds):  # alternate: a machine's speed changes over time
                bare.append(bare_loop(root / f"bare{n}", arguments.jobs))
                before = cpu_s(process)
                ours.append(load.finish_jobs(arguments.jobs))
                cpu_ms.append((cpu_s(process) - before) * 1000 / arguments.jobs)
            latencies_ms = [load.drop_to_claim_ms() for _ in range(arguments.drops)]
            idle = idle_share(process, arguments.idle)
    print(f"bare loop:  {best_first(bare)} jobs/s")
    print(f"the daemon: {best_first(ours)} jobs/s, {arguments.jobs} one-segment jobs end to end")
    print(f"ratio of the best: {max(ours) / max(bare):.2f}   (bar: >= 0.5)")
    print(f"processor time of the daemon without its worker: {min(cpu_ms):.2f} ms a job, the best round")
    median, worst = statistics.median(latencies_ms), max(latencies_ms)
    drops = f"{len(latencies_ms)} drops"
    print(f"drop to claim: median {median:.1f} ms, worst {worst:.1f} ms of {drops}   (bar: <= 50 ms)")
    print(f"idle: {idle * 100:.2f} % of a core over {arguments.idle:.0f} s   (bar: <= 0.5 %)")


def best_first(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in sorted(rates, reverse=True))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", choices=("signal", "off"), default="signal", help="of every take")
    parser.add_argument("--drops", type=int, default=21)
    parser.add_argument("--idle", type=float, default=30.0, metavar="S")
    parser.add_argument("--spool", metavar="FOLDER", help="where to make the spool; default: /tmp")
    return parser.parse_args()


# ---- the same durable work, in a bare loop --------------------------------------------------------------


def bare_loop(root: Path, jobs: int) -> float:
    """Jobs a second."""
    inbox, work, outbox, archive = (root / name for name in ("inbox", "work", "outbox", "archive"))
    for folder in (inbox, work, outbox, archive):
        folder.mkdir(parents=True)
    audio = tone(CLIP_S, RATE_HZ)
    for n in range(jobs):
        make_bundle(inbox / f"job{n}", MANIFEST, REFERENCE)
    started = time.perf_counter()
    for n in range(jobs):
        place = work / f"job{n}"
        place.mkdir()
        (inbox / f"job{n}").rename(place / "bundle")
        clips = place / "out" / "clips"
        clips.mkdir(parents=True)
        with (clips / "001.wav").open("wb") as file:
            soundfile.write(file, audio, RATE_HZ, format="WAV", subtype="PCM_16")
            sync(file)
        with (place / "out" / "result.json").open("w") as file:
            json.dump({"job": n, "status": "done", "segments": [{"id": "001", "text": "One line."}]}, file)
            sync(file)
        for folder in (clips, place / "out"):
            sync_folder(folder)
        (place / "out").rename(outbox / f"job{n}")
        sync_folder(outbox)
        (place / "bundle").rename(archive / f"job{n}")
        sync_folder(archive)
        place.rmdir()
    return jobs / (time.perf_counter() - started)


def sync(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


# ---- the daemon -----------------------------------------------------------------------------------------


class DaemonLoad:
    """Drops bundles into a running daemon's inbox and waits for their results."""

    def __init__(self, root: Path) -> None:
        self.spool = root / "spool"
        self.staging = root / "staging"
        self.staging.mkdir()
        self.num_dropped = 0

    def finish_jobs(self, jobs: int) -> float:
        """Rename that many bundles in at once; jobs a second until the last one is published."""
        names = [f"job{self.num_dropped + n}" for n in range(jobs)]
        self.num_dropped += jobs
        for name in names:
            make_bundle(self.staging / name, MANIFEST, REFERENCE)
        started = time.perf_counter()
        for name in names:
            (self.staging / name).rename(self.spool / "inbox" / name)
        want = self.num_dropped
        wait_for(lambda: num_entries(self.spool / "outbox") >= want, "every job's result", step_s=0.02)
        seconds = time.perf_counter() - started
        for name in names:
            status = json.loads((self.spool / "outbox" / name / "result.json").read_text())["status"]
            assert status == "done", (name, status)
        wait_for(lambda: num_entries(self.spool / "work") == 0, "work/ to be empty")
        return jobs / seconds

    def drop_to_claim_ms(self) -> float:
        name = f"job{self.num_dropped}"
        self.num_dropped += 1
        make_bundle(self.staging / name, MANIFEST, REFERENCE)
        time.sleep(0.05)  # a user's drop does not follow directly on the end of another job
        dropped = time.perf_counter()
        (self.staging / name).rename(self.spool / "inbox" / name)
        wait_for(lambda: not (self.spool / "inbox" / name).exists(), "the claim", step_s=0.0005)
        claimed = time.perf_counter()
        wait_for((self.spool / "outbox" / name).exists, "the result")
        return (claimed - dropped) * 1000


def idle_share(daemon: psutil.Process, seconds: float) -> float:
    """CPU time of the daemon and its workers over wall time, once it is idle."""
    time.sleep(3)
    processes = (daemon, *daemon.children(recursive=True))
    before = cpu_s(*processes)
    time.sleep(seconds)
    return (cpu_s(*processes) - before) / seconds


def cpu_s(*processes: psutil.Process) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(t.user + t.system for t in times)


if __name__ == "__main__":
    main()
