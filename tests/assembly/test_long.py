"""A book of twenty hours: how much memory it takes, and whether its last line is still in time."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from fishd.core.delivery.chapters import Chapter
from fishd.core.delivery.timeline import Break
from fishd.wire.assembly import AssemblyLine, AssemblyResult, AssemblyTracks
from tests.assembly.running import command, ffmpeg, request
from tests.assembly.sounds import babble, lag

LINES = 14_400
CLIP_S = 4.8
MEMORY_MB = 500


@pytest.mark.slow
def test_a_book_of_twenty_hours(tmp_path: Path) -> None:
    """As flac and as m4b in one go, under 500 MB, with its chapters, and exact to the sample in the end."""
    clips = [babble(CLIP_S, seed=n) for n in range(12)]
    job = request(tmp_path, clips, settings={"loudness": -18.0})
    lines = tuple(_line(job.lines, n) for n in range(LINES))
    job = msgspec.structs.replace(
        job,
        lines=lines,
        chapters=tuple(Chapter(f"Chapter {n // 240 + 1}", n) for n in range(0, LINES, 240)),
        tracks=AssemblyTracks(mix="mix.flac", book="Book.m4b", srt="subtitles.srt", timing="timing.csv"),
    )
    with subprocess.Popen(command(job), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        answers = [(answer, _peak_mb(process.pid)) for answer in process.stdout]
    result = msgspec.json.decode(answers[-1][0], type=AssemblyResult)
    peak_mb = max(peak_mb for _, peak_mb in answers)
    assert result.length / result.sample_rate > 20 * 3600
    print(f"{peak_mb:.0f} MB")
    assert 0 < peak_mb < MEMORY_MB
    last = result.placements[-1]
    assert last is not None
    first = last.start - 2_000
    in_flac = soundfile.read(Path(job.target, "mix.flac"), start=first, dtype="int16")[0]
    assert 0 == lag(in_flac, clips[(LINES - 1) % 12], 2_000)
    assert abs(lag(_tail(Path(job.target, "Book.m4b"), first), clips[(LINES - 1) % 12], 2_000)) < 24
    assert LINES // 240 == len(_chapters(Path(job.target, "Book.m4b")))


def _peak_mb(pid: int) -> float:
    """0 once the process has ended. (The maximum that wait4 reports counts the parent before exec too.)"""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except FileNotFoundError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _line(lines: tuple[AssemblyLine, ...], n: int) -> AssemblyLine:
    pause = Break.CHAPTER if n % 240 == 0 else Break.LINE
    return msgspec.structs.replace(lines[n % len(lines)], id=str(n), published=None, break_before=pause)


def _tail(path: Path, first: int) -> np.ndarray:
    """From this sample on, as a player that jumps there plays it."""
    seconds = f"{first / 24_000:.9f}"
    heard = ffmpeg("-v", "error", "-ss", seconds, "-i", path, "-ar", 24_000, "-f", "f32le", "-")
    return np.frombuffer(heard.stdout, np.float32)


def _chapters(path: Path) -> list[object]:
    return json.loads(ffmpeg("-v", "error", "-of", "json", "-show_chapters", path, tool="ffprobe").stdout)[
        "chapters"
    ]
