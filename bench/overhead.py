"""What the daemon itself costs, with an engine that returns at once.

    python bench/overhead.py [--jobs 500] [--spool FOLDER]

Prints three figures, all taken in this run on this machine:

- jobs a second, end to end, against a bare loop that does the same durable work (claim by rename, write a
  clip and a json, fsync both and their folders, publish and archive by rename): the ratio is the figure;
- from a drop (a bundle with `.ready`, renamed into the inbox) to its claim: the median;
- the idle daemon's share of a core, over --idle seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import psutil
import soundfile
from common import count, tone, wait_for, wav

ROOT = Path(__file__).resolve().parent.parent
CLIP_S = 1.0
RATE = 24000
REFERENCE = wav(1.5, RATE)
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
        with Daemon(root) as daemon:
            daemon.work_off(20)  # warm
            for n in range(arguments.rounds):  # by turns, for a machine is not the same twice
                bare.append(bare_loop(root / f"bare{n}", arguments.jobs))
                ours.append(daemon.work_off(arguments.jobs))
            latencies_ms = [daemon.drop_to_claim_ms() for _ in range(arguments.drops)]
            idle = daemon.idle_share(arguments.idle)
    print(f"bare loop:  {said(bare)} jobs/s")
    print(f"the daemon: {said(ours)} jobs/s, {arguments.jobs} one-segment jobs end to end")
    print(f"ratio of the best: {max(ours) / max(bare):.2f}   (bar: >= 0.5)")
    median, worst = statistics.median(latencies_ms), max(latencies_ms)
    drops = f"{len(latencies_ms)} drops"
    print(f"drop to claim: median {median:.1f} ms, worst {worst:.1f} ms of {drops}   (bar: <= 50 ms)")
    print(f"idle: {idle * 100:.2f} % of a core over {arguments.idle:.0f} s   (bar: <= 0.5 %)")


def said(rates: list[float]) -> str:
    """All rounds, the best first."""
    return ", ".join(f"{rate:.0f}" for rate in sorted(rates, reverse=True))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--drops", type=int, default=21)
    parser.add_argument("--idle", type=float, default=30.0)
    parser.add_argument(
        "--spool", default=None, help="where the spool is made; default: the temporary folder"
    )
    return parser.parse_args()


# ---- the same durable work, by a bare loop ------------------------------------------------------------


def bare_loop(root: Path, jobs: int) -> float:
    """Jobs a second."""
    inbox, work, outbox, archive = (root / name for name in ("inbox", "work", "outbox", "archive"))
    for folder in (inbox, work, outbox, archive):
        folder.mkdir(parents=True)
    audio = tone(CLIP_S, RATE)
    for n in range(jobs):
        make_bundle(inbox / f"job{n}")
    started = time.perf_counter()
    for n in range(jobs):
        place = work / f"job{n}"
        place.mkdir()
        (inbox / f"job{n}").rename(place / "bundle")
        clips = place / "out" / "clips"
        clips.mkdir(parents=True)
        with (clips / "001.wav").open("wb") as file:
            soundfile.write(file, audio, RATE, format="WAV", subtype="PCM_16")
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


# ---- the daemon ---------------------------------------------------------------------------------------


class Daemon:
    """A real `fishd run` with the no-op engine on one worker."""

    def __init__(self, root: Path) -> None:
        self.spool = root / "spool"
        self.staging = root / "staging"
        self.staging.mkdir()
        self.count = 0
        config = root / "config.toml"
        config.write_text(
            '[engine]\nname = "tests.engines.noop:factory"\n[pool]\ncpu_workers = 1\n[log]\nlevel = "error"\n'
        )
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fishd", "run", "-c", str(config)], env=env, cwd=root
        )

    def __enter__(self) -> Self:
        wait_for(self.ready, "the daemon to be ready", limit_s=30)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit("the daemon ended; see above")
        try:
            return '"state":"running"' in (self.spool / "status.json").read_text()
        except FileNotFoundError:
            return False

    def work_off(self, jobs: int) -> float:
        """Rename so many bundles in at once; jobs a second until the last is published."""
        names = [f"job{self.count + n}" for n in range(jobs)]
        self.count += jobs
        for name in names:
            make_bundle(self.staging / name)
        started = time.perf_counter()
        for name in names:
            (self.staging / name).rename(self.spool / "inbox" / name)
        want = self.count
        wait_for(lambda: count(self.spool / "outbox") >= want, "every job to be published", step_s=0.02)
        seconds = time.perf_counter() - started
        for name in names:
            status = json.loads((self.spool / "outbox" / name / "result.json").read_text())["status"]
            assert status == "done", (name, status)
        wait_for(lambda: count(self.spool / "work") == 0, "work/ to be cleared")
        return jobs / seconds

    def drop_to_claim_ms(self) -> float:
        name = f"job{self.count}"
        self.count += 1
        make_bundle(self.staging / name)
        time.sleep(0.05)  # drops come at any moment, not when the last one has just been dealt with
        dropped = time.perf_counter()
        (self.staging / name).rename(self.spool / "inbox" / name)
        wait_for(lambda: not (self.spool / "inbox" / name).exists(), "the claim", step_s=0.0005)
        claimed = time.perf_counter()
        wait_for((self.spool / "outbox" / name).exists, "the result")
        return (claimed - dropped) * 1000

    def idle_share(self, seconds: float) -> float:
        """CPU of the daemon and its workers over wall time, after it has settled."""
        time.sleep(3)
        before = self.cpu_s()
        time.sleep(seconds)
        return (self.cpu_s() - before) / seconds

    def cpu_s(self) -> float:
        daemon = psutil.Process(self.process.pid)
        times = [process.cpu_times() for process in (daemon, *daemon.children(recursive=True))]
        return sum(t.user + t.system for t in times)


def make_bundle(folder: Path) -> None:
    folder.mkdir()
    (folder / "job.toml").write_text(MANIFEST)
    (folder / "ada.wav").write_bytes(REFERENCE)
    (folder / ".ready").touch()


if __name__ == "__main__":
    main()
