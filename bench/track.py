"""An episode of 45 minutes from its subtitles, and a book of twenty hours, through the assembly.

    python bench/track.py [--runs 3] [--scorer 'python voice_eval.py']
    python bench/track.py --book [--hours 20]

The episode has 600 cues of 3 voices (track_script.py), spoken by the preview engine through a real daemon
with a worker a core. By turns in one run: the clips alone, and the same levelled and built into one track;
the ratio of the best is what assembly, levelling and encoding cost. A last job also has a stem of each
speaker, on which times and loudness are checked. `--scorer` adds the word error rate of clips as spoken and
at 1.25: see word_error_rates in track_checks.py.

The book is assembled from synthetic clips (track_book.py) and needs PyAV. ffmpeg measures loudness and reads
the book; without it, what it would have measured is left out and the bench says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psutil
import soundfile
import track_book
from measured_daemon import ROOT, running_daemon, wait_for
from preview import machine
from track_checks import (
    exact_lines,
    fit,
    has_ffmpeg,
    lines_of,
    loudness,
    placement_error_ms,
    word_error_rates,
)
from track_script import SPEAKERS, make_srt

EPISODE = ROOT / "inbox_example" / "episode"
MAX_SHIFT_S, LOUDNESS, PEAK = 0.5, -16.0, -1.0
CLIPS_ALONE = "tracks = []"
ONE_TRACK = f'loudness = {LOUDNESS}\npeak = {PEAK}\ntracks = ["mix"]'
STEMS = f'loudness = {LOUDNESS}\npeak = {PEAK}\ntracks = ["mix", "speakers"]'
MANIFEST = """
title = "Episode"
[script]
file = "episode.srt"
[output]
max_shift_s = {max_shift_s}
{output}
"""
SPEAKER = """
[[speakers]]
name = "{name}"
reference = "{reference}"
transcript = {transcript}
"""
SCORED = 60  # lines of each speaker


def main() -> None:
    arguments = parse()
    print(f"machine: {machine()}; load average {os.getloadavg()[0]:.1f}")
    if not has_ffmpeg():
        print("ffmpeg is not installed: loudness, chapters and warnings are not measured")
    with tempfile.TemporaryDirectory(prefix="fishd-track-", dir=arguments.folder) as folder:
        if arguments.book:
            track_book.measure(Path(folder), arguments.hours)
        else:
            measure(Path(folder), arguments)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the script")
    parser.add_argument("--scorer", help="a command that scores words")
    parser.add_argument("--book", action="store_true", help="assemble a book instead")
    parser.add_argument("--hours", type=float, default=20.0, help="of the book")
    parser.add_argument("--folder", help="where the spool is made; default: the temporary folder")
    return parser.parse_args()


def measure(root: Path, arguments: argparse.Namespace) -> None:
    srt = make_srt(arguments.seed)
    with running_daemon(root, engine="preview", workers=arguments.workers) as daemon:
        speak(daemon, root, "warm", srt, CLIPS_ALONE)
        clips, track = [], []
        for n in range(arguments.runs):
            clips.append(speak(daemon, root, f"clips{n}", srt, CLIPS_ALONE))
            track.append(speak(daemon, root, f"track{n}", srt, ONE_TRACK))
        stems = speak(daemon, root, "stems", srt, STEMS)
    print_speed(clips, track, stems)
    folder = root / "spool" / "outbox" / "stems"
    lines = lines_of(folder)
    for what, number in fit(folder, MAX_SHIFT_S).items():
        print(f"  {what}: {number}")
    last = max(lines, key=lambda line: line.start_s)
    error = placement_error_ms(folder, last)
    print(f"last cue ({last.start_s:.3f} s): {error:+.3f} ms from its plan   (bar: < 1 ms)")
    exact, of = exact_lines(folder, lines)
    print(f"clips that stand in their stem to the sample, of those at their own speed: {exact} of {of}")
    if has_ffmpeg():
        print_loudness(folder / "tracks")
    if arguments.scorer:
        print_words(arguments.scorer, root, folder)


def speak(daemon: psutil.Process, root: Path, name: str, srt: str, output: str) -> dict[str, float]:
    """The totals of one job, dropped whole by a rename, and the processor time that it took."""
    before_s = processor_s(daemon)
    part = root / f".{name}"
    part.mkdir()
    (part / "episode.srt").write_text(srt, encoding="utf-8")
    text = MANIFEST.format(max_shift_s=MAX_SHIFT_S, output=output)
    for speaker, reference, transcript in cast():
        shutil.copy(EPISODE / reference, part)
        text += SPEAKER.format(name=speaker, reference=reference, transcript=json.dumps(transcript))
    (part / "job.toml").write_text(text, encoding="utf-8")
    (part / ".ready").touch()
    part.rename(root / "spool" / "inbox" / name)
    result = root / "spool" / "outbox" / name / "result.json"
    wait_for(result.exists, f"{name} in the outbox", limit_s=900)
    content = json.loads(result.read_bytes())
    assert content["status"] == "done", content["errors"]
    return {**content["totals"], "processor_s": processor_s(daemon) - before_s}


def processor_s(daemon: psutil.Process) -> float:
    """Of the daemon, its workers, and its assembly processes that have ended."""
    workers = [worker.cpu_times() for worker in daemon.children()]
    used = daemon.cpu_times()
    spent = used.user + used.system + used.children_user + used.children_system
    return spent + sum(worker.user + worker.system for worker in workers)


def cast() -> Iterator[tuple[str, str, str]]:
    """Name, reference and transcript of each speaker."""
    manifest = tomllib.loads((EPISODE / "job.toml").read_text(encoding="utf-8"))
    voices = {speaker["name"]: speaker for speaker in manifest["speakers"]}
    yield from ((name, voices[name]["reference"], voices[name]["transcript"]) for name in SPEAKERS)


def print_speed(
    clips: list[dict[str, float]], track: list[dict[str, float]], stems: dict[str, float]
) -> None:
    print(f"{clips[0]['segments']} lines, {clips[0]['audio_s']:.0f} s of speech")
    for what, totals in (("clips alone", clips), ("one track", track), ("a stem each as well", [stems])):
        rates = ", ".join(f"{t['speech_rate']:.1f}" for t in totals)
        print(f"{what}: best {best(totals, 'wall_s'):.2f} s; speech rates {rates}")
    added = {key: 100 * (best(track, key) / best(clips, key) - 1) for key in ("wall_s", "processor_s")}
    print(f"assembly, levelling and encoding add {added['wall_s']:.1f} %   (bar: ≤ 10 %)")
    print(f"  in processor time, which other programs disturb less: {added['processor_s']:.1f} %")
    rate = clips[0]["audio_s"] / (best(track, "wall_s") - best(clips, "wall_s"))
    print(f"  {rate:.0f} times real time: within the bar for a pool that speaks at {rate / 10:.0f} times")


def best(totals: list[dict[str, float]], key: str) -> float:
    return min(each[key] for each in totals)


def print_loudness(tracks: Path) -> None:
    for name in SPEAKERS:
        lufs, peak = loudness(tracks / f"{name}.flac")
        print(f"{name}: {lufs:.1f} LUFS, {peak:.1f} dBTP   (bars: {LOUDNESS} ±0.5, ≤ {PEAK})")
    _, peak = loudness(tracks / "mix.flac")
    print(f"mix: {peak:.1f} dBTP   (bar: ≤ {PEAK})")


def print_words(scorer: str, root: Path, folder: Path) -> None:
    references = root / "references"
    references.mkdir()
    for speaker, reference, _ in cast():
        samples, rate = soundfile.read(EPISODE / reference)
        soundfile.write(references / f"{speaker}.wav", samples, rate)
    lines = lines_of(folder)
    scored = [line for name in SPEAKERS for line in [one for one in lines if one.speaker == name][:SCORED]]
    rates = []
    for what, rate, words in word_error_rates(scorer, folder, scored, references, root):
        rates.append(rate)
        print(f"WER {what}: {rate:.3f} of {words} words")
    print(f"difference: {rates[1] - rates[0]:+.3f}   (bar: ≤ 0.01)")


if __name__ == "__main__":
    main()
