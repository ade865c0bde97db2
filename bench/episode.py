"""The whole episode (6 speakers, 46 segments) through a warm daemon with the preview engine.

    python bench/episode.py [--runs 3]

A worker a core, voices analysed anew in every run (their transcripts differ by a dot), clips written and
published. The figure is the speech rate of result.json: seconds of speech a second, from the moment when a
worker first looked at a clip to the last clip. The baseline in the same run is one worker.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EPISODE = ROOT / "inbox_example" / "episode"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    cores = os.cpu_count() or 1
    print(
        f"machine: {platform.processor() or platform.machine()}, {cores} cores; the best of {runs} runs each"
    )
    one = best(1, runs)
    many = best(cores, runs)
    for workers, totals in ((1, one), (cores, many)):
        done = f"{totals['done']}/{totals['segments']} segments, {totals['audio_s']:.1f} s of speech"
        rate = f"{totals['wall_s']:.2f} s: speech rate {totals['speech_rate']:.1f}"
        print(f"{workers} worker(s): {done} in {rate}")
    print(f"ratio of {cores} workers to one: {many['speech_rate'] / one['speech_rate']:.2f}")
    print(f"speech rate on {cores} cores: {many['speech_rate']:.1f}   (bar on two cores: >= 20)")


def best(workers: int, runs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="fishd-episode-") as folder:
        root = Path(folder)
        config = root / "config.toml"
        config.write_text(
            f'[engine]\nname = "preview"\n[pool]\ncpu_workers = {workers}\n[log]\nlevel = "error"\n'
        )
        command = [sys.executable, "-m", "fishd", "run", "--config", str(config)]
        daemon = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
        try:
            wait_for(lambda: ready_workers(root) == workers)
            found = [run(root, n) for n in range(runs)]
        finally:
            daemon.terminate()
            daemon.wait(60)
    print(f"{workers} worker(s), each run: " + ", ".join(f"{t['speech_rate']:.1f}" for t in found))
    return max(found, key=lambda totals: totals["speech_rate"])


def run(root: Path, number: int) -> dict[str, float]:
    """One episode, dropped as `fishd submit` drops; its totals."""
    name = f"episode{number}"
    part = root / f".{name}"
    shutil.copytree(EPISODE, part)
    manifest = part / "job.toml"  # another transcript is another voice to every cache
    text = manifest.read_text(encoding="utf-8").replace('transcript = "', f'transcript = "{"." * number}')
    manifest.write_text(text, encoding="utf-8")
    (part / ".ready").touch()
    part.rename(root / "spool" / "inbox" / name)
    result = root / "spool" / "outbox" / name / "result.json"
    wait_for(result.exists)
    return json.loads(result.read_text(encoding="utf-8"))["totals"]


def ready_workers(root: Path) -> int:
    try:
        status = json.loads((root / "spool" / "status.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return 0
    return sum(worker["state"] == "ready" for worker in status["workers"])


def wait_for(condition, limit_s: float = 300.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("gave up waiting")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
