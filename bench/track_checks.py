"""What came out: where every line is, how loud each speaker is, how well sped-up lines are understood."""

from __future__ import annotations

import csv
import json
import math
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SPEED = 1.25
SEARCH_MS = 250  # on each side of where a line should be


@dataclass(frozen=True, slots=True)
class Placed:
    """A spoken line of a result, in the order of the script."""

    speaker: str
    id: str
    text: str
    clip: str
    at_s: float
    speed: float
    start_s: float


def lines_of(folder: Path) -> list[Placed]:
    result = json.loads((folder / "result.json").read_bytes())
    return [
        Placed(speaker["name"], s["id"], s["text"], s["clip"], s["at_s"], s["speed"], s["start_s"])
        for speaker in result["speakers"]
        for s in speaker["segments"]
        if s["status"] == "done"
    ]


# ---- times ----------------------------------------------------------------------------------------------


def fit(folder: Path, max_shift_s: float) -> dict[str, int]:
    """How many lines began in time, and of the others how many have their reason in timing.csv."""
    with (folder / "tracks" / "timing.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    overrun = [row for row in rows if float(row["overrun_s"]) > 0]
    late = [row for row in rows if abs(float(row["shift_s"])) > max_shift_s + 0.0005]
    speakers_that_overran = {row["speaker"] for row in overrun}
    return {
        "lines": len(rows),
        "on time": sum(float(row["shift_s"]) == 0 for row in rows),
        "within max_shift_s": len(rows) - len(late),
        "overrun": len(overrun),
        "late behind an overrun": sum(row["speaker"] in speakers_that_overran for row in late),
        "late without a reason": sum(row["speaker"] not in speakers_that_overran for row in late),
        "sped up": sum(float(row["speed"]) > 1 for row in rows),
        "at full speed": sum(float(row["speed"]) > SPEED - 0.001 for row in rows),
    }


def exact_lines(folder: Path, lines: Sequence[Placed]) -> tuple[int, int]:
    """How many clips stand in their speaker's stem to the sample, of those at their own speed."""
    stems = {name: _read(folder / "tracks" / f"{name}.flac") for name in {line.speaker for line in lines}}
    own_speed = [line for line in lines if line.speed == 1]
    exact = 0
    for line in own_speed:
        stem, rate = stems[line.speaker]
        clip, _ = _read(folder / line.clip)
        start = round(line.at_s * rate)
        exact += np.array_equal(stem[start : start + len(clip)], clip)
    return exact, len(own_speed)


def placement_error_ms(folder: Path, line: Placed) -> float:
    """By how much the mix has a line earlier or later than planned, found by correlation with its clip."""
    mix, rate = _read(folder / "tracks" / "mix.flac")
    clip, _ = _read(folder / line.clip)
    planned, reach = round(line.at_s * rate), SEARCH_MS * rate // 1000
    around = mix[planned - reach : planned + len(clip) + reach].astype(np.float64)
    num_before = reach + min(0, planned - reach)
    lag = int(np.argmax(np.correlate(around, clip.astype(np.float64), "valid"))) - num_before
    return 1000 * lag / rate


# ---- loudness -------------------------------------------------------------------------------------------


def has_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


def loudness(path: Path) -> tuple[float, float]:
    """LUFS and dBTP as ffmpeg measures them."""
    command = ["ffmpeg", "-nostdin", "-nostats", "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return float(re.findall(r"I: +(\S+) LUFS", printed)[-1]), float(re.findall(r"Peak: +(\S+)", printed)[-1])


def warnings_of(path: Path) -> str:
    """What ffmpeg prints when it plays the file."""
    command = ["ffmpeg", "-nostdin", "-v", "warning", "-i", path, "-f", "null", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr.strip()


# ---- words ----------------------------------------------------------------------------------------------


def word_error_rates(
    scorer: str, folder: Path, lines: Sequence[Placed], references: Path, scratch: Path
) -> Iterator[tuple[str, float, int]]:
    """(what, WER, words) of the clips as spoken, and of the same clips at SPEED.

    `scorer` is a command with the arguments `score REFERENCES JOB --wer LINES`, which reads JOB/result.json
    and prints JSON with the keys WER and words, such as a recogniser's wrapper.
    """
    for what, speed in (("as spoken", 1.0), (f"at {SPEED}", SPEED)):
        job = _job_to_score(folder, lines, scratch / what.replace(" ", "-"), speed)
        command = [*shlex.split(scorer), "score", str(references), str(job), "--wer", str(len(lines))]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(printed.splitlines()[-1])
        yield what, found["WER"], found["words"]


def _job_to_score(folder: Path, lines: Sequence[Placed], job: Path, speed: float) -> Path:
    from fishd.assembly.signal.stretch import fitted

    speakers: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        clip, rate = _read(folder / line.clip)
        faster = fitted(clip.astype(np.float32), rate, math.ceil(len(clip) / speed))
        path = job / line.clip
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.rint(np.clip(faster, -32768, 32767)).astype(np.int16), rate)
        speakers.setdefault(line.speaker, []).append({"text": line.text, "clip": line.clip})
    result = {"speakers": [{"name": name, "segments": segments} for name, segments in speakers.items()]}
    (job / "result.json").write_text(json.dumps(result))
    return job


def _read(path: Path) -> tuple[np.ndarray, int]:
    return soundfile.read(path, dtype="int16")
