"""The assembly of a long book from synthetic clips: its memory, its time, its chapters."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import soundfile
from track_checks import has_ffmpeg, warnings_of

from fishd.core.delivery.chapters import Chapter
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Break
from fishd.wire.assembly import (
    AssemblyAnswer,
    AssemblyLine,
    AssemblyMetadata,
    AssemblyRequest,
    AssemblyResult,
    AssemblySpeaker,
    AssemblyTracks,
)

RATE = 24_000
CLIP_S, CLIPS = 4.8, 12
LINES_A_CHAPTER = 240
MEMORY_MB = 500


def measure(folder: Path, hours: float) -> None:
    request = make_request(folder, hours)
    answer, rss_mb, wall_s, cpu_s = run(folder, request)
    assert isinstance(answer, AssemblyResult), answer
    length_s = answer.length / answer.sample_rate
    book = Path(request.target) / "Book.m4b"
    sizes = ", ".join(
        f"{file.path} {file.size_bytes / 1e6:,.0f} MB" for file in answer.files if file.duration_s
    )
    print(f"{length_s / 3600:.1f} hours, {len(request.lines):,} lines, {len(request.chapters)} chapters")
    print(sizes)
    print(f"{wall_s:.0f} s, {cpu_s:.0f} s of one core: {length_s / wall_s:,.0f} times real time")
    print(f"peak memory of the assembly process: {rss_mb:.0f} MB   (bar: ≤ {MEMORY_MB} MB)")
    if has_ffmpeg():
        print_chapters(book)
        for path in (book, Path(request.target) / "mix.flac"):
            print(f"ffmpeg -v warning -i {path.name} -f null - prints: {warnings_of(path) or 'nothing'}")


def make_request(folder: Path, hours: float) -> AssemblyRequest:
    for n in range(CLIPS):
        (folder / "raw").mkdir(exist_ok=True)
        soundfile.write(folder / "raw" / f"{n}.wav", syllables(n), RATE, subtype="PCM_16")
    num_chapters = math.ceil(hours * 3600 / (LINES_A_CHAPTER * (CLIP_S + 0.35)))
    lines = tuple(make_line(n) for n in range(num_chapters * LINES_A_CHAPTER))
    return AssemblyRequest(
        source=str(folder / "raw"),
        target=str(folder / "out"),
        settings=DeliverySettings(loudness=-18.0),
        speakers=(AssemblySpeaker("Narrator"),),
        lines=lines,
        chapters=tuple(Chapter(f"Chapter {n + 1}", n * LINES_A_CHAPTER) for n in range(num_chapters)),
        tracks=AssemblyTracks("mix.flac", "Book.m4b", "subtitles.srt", "subtitles.vtt", "timing.csv"),
        metadata=AssemblyMetadata("A Long Book", "Nobody", "en"),
    )


def make_line(n: int) -> AssemblyLine:
    pause = Break.CHAPTER if n % LINES_A_CHAPTER == 0 else Break.LINE
    return AssemblyLine(0, f"{n + 1:05}", f"Line {n + 1}.", f"{n % CLIPS}.wav", break_before=pause)


def syllables(seed: int) -> np.ndarray:
    """Harmonics of a voice, at three syllables a second with pauses; 16-bit samples."""
    at = np.arange(round(CLIP_S * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(110 + 10 * seed + 25 * np.sin(2 * np.pi * 0.4 * at + seed)) / RATE
    voice = sum(np.sin(k * phase + k) / k for k in range(1, 25))
    syllable = np.clip(np.sin(2 * np.pi * 3 * at) + 0.4 * np.sin(2 * np.pi * 0.31 * at + seed), 0, None)
    return np.rint(4_000 * voice * syllable).astype(np.int16)


def run(folder: Path, request: AssemblyRequest) -> tuple[AssemblyAnswer, float, float, float]:
    """The last answer of the assembly process, its peak memory in MB, wall and CPU seconds."""
    path = folder / "request.json"
    path.write_bytes(msgspec.json.encode(request))
    began = time.perf_counter()
    command = [sys.executable, "-m", "fishd.assembly", str(path), str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        answers = process.stdout.read().splitlines()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    wall_s = time.perf_counter() - began
    answer = msgspec.json.decode(answers[-1], type=AssemblyAnswer)
    return answer, usage.ru_maxrss / 1024, wall_s, usage.ru_utime + usage.ru_stime


def print_chapters(book: Path) -> None:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_chapters", book]
    chapters = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["chapters"]
    print(f"ffprobe lists {len(chapters)} chapters, the first and the last:")
    for chapter in (chapters[0], chapters[-1]):
        title = chapter["tags"]["title"]
        print(f"  {chapter['start_time']} to {chapter['end_time']} s: {title}")
