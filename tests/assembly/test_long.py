"""A book of twenty hours: how much memory it takes, and whether its last line is still in time."""

from __future__ import annotations

import json
import os
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
        result = msgspec.json.decode(process.stdout.read().splitlines()[-1], type=AssemblyResult)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    assert result.length / result.sample_rate > 20 * 3600
    print(f"{usage.ru_maxrss / 1024:.0f} MB, {usage.ru_utime + usage.ru_stime:.0f} s of one core")
    assert usage.ru_maxrss / 1024 < MEMORY_MB
    last = result.placements[-1]
    assert last is not None
    first = last.start - 2_000
    in_flac = soundfile.read(Path(job.target, "mix.flac"), start=first, dtype="int16")[0]
    assert 0 == lag(in_flac, clips[(LINES - 1) % 12], 2_000)
    assert abs(lag(_tail(Path(job.target, "Book.m4b"), first), clips[(LINES - 1) % 12], 2_000)) < 24
    assert LINES // 240 == len(_chapters(Path(job.target, "Book.m4b")))


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
