"""Does listening hold up an engine that waits for a GPU?

    python bench/listen_load.py MODEL [--lines 400] [--rounds 3]

MODEL is a faster-whisper model folder. An engine that sleeps stands in for the GPU: 8 slots, 0.8 s a take.
The same job is spoken by turns with `check = "signal"` and `check = "listen"`; printed is the share of the
slots that were in use from the first take to the last one, and how many takes were still to be heard then.
The listeners hear tones, in which there are no words; every line is spoken once.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from measured_daemon import make_bundle, running_daemon, wait_for, wav

SLOTS, STEPS, STEP_S = 8, 8, 0.1
ENGINE = f"capacity = {SLOTS}, steps = {STEPS}, step_s = {STEP_S}, tone_s = 2.0, pulsed = true"
SPEAKER = """
[[speakers]]
name = "Ada"
reference = "ada.wav"
transcript = "A reference of one second and a half."
"""
SEGMENT = '  [[speakers.segments]]\n  text = "The number of this line is {}."\n'


def main() -> None:
    arguments = parse()
    take_s = STEPS * STEP_S
    print(f"machine: {os.cpu_count()} cores; {arguments.lines} lines, {SLOTS} slots, {take_s:g} s a take")
    shares: dict[str, list[float]] = {"signal": [], "listen": []}
    for _ in range(arguments.rounds):
        for check, found in shares.items():
            share, num_waiting = measure(check, arguments.model.resolve(), arguments.lines)
            found.append(share)
            waiting = f", {num_waiting} takes still to be heard" if check == "listen" else ""
            print(f"{check}: {share:.3f} of the slots in use{waiting}", flush=True)
    ratio = max(shares["listen"]) / max(shares["signal"])
    print(f"listen to signal, the best of each: {ratio:.3f}   (bar: slots in use are not fewer)")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def measure(check: str, model: Path, num_lines: int) -> tuple[float, int]:
    """The share of the slots that were in use, and how many takes were not heard when the last was spoken."""
    with tempfile.TemporaryDirectory(prefix="fishd-bench-") as name:
        root = Path(name)
        quality = f'recogniser = "{model}"\n' if check == "listen" else ""
        with running_daemon(root, options=ENGINE, check=check, quality=quality, max_takes=1):
            journal = root / "spool" / "work" / "job" / "journal.jsonl"
            manifest = SPEAKER + "".join(SEGMENT.format(n) for n in range(num_lines))
            make_bundle(root / "job", manifest, wav(1.5, 24_000))
            (root / "job").rename(root / "spool" / "inbox" / "job")
            wait_for(lambda: count(journal, "spoken") > 0, "the first take")
            first, began = count(journal, "spoken"), time.perf_counter()
            wait_for(lambda: count(journal, "spoken") == num_lines, "the last take", step_s=0.02)
            seconds = time.perf_counter() - began
            num_waiting = num_lines - count(journal, "heard")
    return (num_lines - first) * STEPS * STEP_S / (SLOTS * seconds), num_waiting


def count(journal: Path, kind: str) -> int:
    """The journal's lines of this kind."""
    return journal.read_text().count(f'"is":"{kind}"') if journal.exists() else 0


if __name__ == "__main__":
    main()
