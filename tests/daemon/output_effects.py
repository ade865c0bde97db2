"""The effects of `[output]` on tracks: a script is loaded, its clips are tones, and they are assembled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from fishd.assembly.assemble import assemble
from fishd.core.model.job import Clip, Job, JobStatus
from fishd.core.model.outcome import JobOutcome, SegmentOutcome
from fishd.daemon.publishing.assembly_request import assembly_request
from fishd.wire.assembly import AssemblyResult
from tests.daemon.bundles import RATE, make_voice, tone
from tests.daemon.config_effects import load
from tests.daemon.daemon_effects import Settings

TIMED = ("lines.srt", "1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n00:00:02,000 --> 00:00:03,000\nTwo.\n")
BOOK = ("book.md", "# A book\n\nOne paragraph.\n\nAnother one.\n")
TONE_S = 1.5


@dataclass(frozen=True, slots=True)
class _Assembled:
    """What was made of a script, in `folder`."""

    folder: Path
    result: AssemblyResult


def tracks_of(settings: Settings, folder: Path) -> list[str]:
    """The audio files of a script with times."""
    made = _assemble(settings, folder, TIMED)
    return [file.path for file in made.result.files if file.path.startswith("tracks/") and file.duration_s]


def peak_of_the_mix_db(settings: Settings, folder: Path) -> int:
    """Of full-scale tones."""
    mix, _ = soundfile.read(_assemble(settings, folder, TIMED).folder / "tracks/mix.flac")
    return round(20 * np.log10(np.abs(mix).max()))


def speed_of_a_long_line(settings: Settings, folder: Path) -> float:
    """Of a line of 1.5 s that has 1 s until the next one."""
    return _assemble(settings, folder, TIMED).result.placements[0].speed


def start_of_a_long_line_s(settings: Settings, folder: Path) -> float:
    """The same line's, which is wanted at 1 s."""
    made = _assemble(settings, folder, TIMED).result
    return made.placements[0].start / made.sample_rate


def pause_between_paragraphs_s(settings: Settings, folder: Path) -> float:
    made = _assemble(settings, folder, BOOK).result
    *_, before, after = made.placements
    return (after.start - before.end) / made.sample_rate


def _assemble(settings: Settings, folder: Path, script: tuple[str, str]) -> _Assembled:
    name, text = script

    def make(bundle: Path) -> None:
        make_voice(bundle / "Ada")
        (bundle / name).write_text(text, encoding="utf-8")

    job = load(settings, folder, make).job
    assert job is not None
    request = assembly_request(_spoken(job, folder / "out"), job, folder)
    return _Assembled(Path(request.target), assemble(request, lambda _: None))


def _spoken(job: Job, out: Path) -> JobOutcome:
    """The job after its only speaker has said every line, each as a tone."""
    (speaker,) = job.speakers
    ends: list[SegmentOutcome] = []
    for segment in speaker.segments:
        path = out / segment.take_clip
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(TONE_S, level=1.0), RATE, subtype="PCM_16")
        ends.append(SegmentOutcome(1, Clip(segment.take_clip, TONE_S, 1, 7, 0, "cpu", 0.1)))
    return JobOutcome(job.name, job, JobStatus.DONE, (), (), (tuple(ends),), (), (), "noop", 1.0)
