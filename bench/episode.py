"""The whole example episode (6 speakers, 46 segments) through a warm daemon with the preview engine.

    python bench/episode.py [--runs 3]

One worker per core. Voices are analysed anew in every run (the transcripts differ by a dot); clips are
written and published. The figure is the speech rate of result.json: seconds of speech a second, from the
first check of a reference clip to the last clip. The baseline, in the same run, is one worker.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
from pathlib import Path

from measured_daemon import ROOT, running_daemon, wait_for

EPISODE = ROOT / "inbox_example" / "episode"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    cores = os.cpu_count() or 1
    print(f"machine: {platform.processor() or platform.machine()}, {cores} cores; the best of {runs} runs")
    one = best(1, runs)
    many = best(cores, runs)
    for workers, totals in ((1, one), (cores, many)):
        done = f"{totals['done']}/{totals['segments']} segments, {totals['audio_s']:.1f} s of speech"
        rate = f"{totals['wall_s']:.2f} s: speech rate {totals['speech_rate']:.1f}"
        print(f"{workers} worker(s): {done} in {rate}")
    print(f"ratio of {cores} workers to one: {many['speech_rate'] / one['speech_rate']:.2f}")
    print(f"speech rate on {cores} cores: {many['speech_rate']:.1f}   (bar on two cores: >= 20)")


def best(workers: int, runs: int) -> dict[str, float]:
    """The totals of the fastest run."""
    with tempfile.TemporaryDirectory(prefix="fishd-episode-") as folder:
        root = Path(folder)
        with running_daemon(root, engine="preview", workers=workers):
            found = [speak_episode(root, number) for number in range(runs)]
    print(f"{workers} worker(s), each run: " + ", ".join(f"{t['speech_rate']:.1f}" for t in found))
    return max(found, key=lambda totals: totals["speech_rate"])


def speak_episode(root: Path, number: int) -> dict[str, float]:
    """The totals of one episode."""
    name = f"episode{number}"
    part = root / f".{name}"
    shutil.copytree(EPISODE, part)
    manifest = part / "job.toml"  # another transcript is another voice to every cache
    text = manifest.read_text(encoding="utf-8").replace('transcript = "', f'transcript = "{"." * number}')
    manifest.write_text(text, encoding="utf-8")
    (part / ".ready").touch()
    part.rename(root / "spool" / "inbox" / name)
    result = root / "spool" / "outbox" / name / "result.json"
    wait_for(result.exists, f"the result of {name}", step_s=0.05)
    return json.loads(result.read_text(encoding="utf-8"))["totals"]


if __name__ == "__main__":
    main()
