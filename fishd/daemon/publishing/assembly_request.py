"""What the assembly process is asked to make of a job whose lines are spoken. Pure."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fishd.core.model.job import Job, Segment, SkippedLine
from fishd.core.model.outcome import JobOutcome
from fishd.spool.names import file_name, file_names
from fishd.spool.work_folder import COVER, FINAL, OUT
from fishd.wire.assembly import (
    AssemblyLine,
    AssemblyMetadata,
    AssemblyRequest,
    AssemblySpeaker,
    AssemblyTracks,
)

TRACKS = "tracks"
_TEXTS = ("mix", "subtitles", "timing")  # files in tracks/ that no speaker's track may replace
_Placed = tuple[int, Segment | SkippedLine, AssemblyLine]


def assembly_request(outcome: JobOutcome, job: Job, folder: Path) -> AssemblyRequest:
    """Of the raw clips in work/NAME/out (NAME is `folder`) into work/NAME/final."""
    tracks = assembly_tracks(job)
    return AssemblyRequest(
        source=str(folder / OUT),
        target=str(folder / FINAL),
        settings=job.delivery,
        speakers=assembly_speakers(job),
        lines=tuple(line for _, line in script_order(outcome, job)),
        chapters=job.chapters,
        tracks=tracks,
        metadata=AssemblyMetadata(
            job.title, job.author, job.language, str(folder / COVER) if job.has_cover else None
        ),
    )


def script_order(outcome: JobOutcome, job: Job) -> list[tuple[tuple[int, int] | None, AssemblyLine]]:
    """Every line in the script's order, with its (speaker, segment) position unless it is skipped."""
    lines: list[tuple[int, tuple[int, int] | None, AssemblyLine]] = []
    for s, n, segment in job.segments():
        clip = outcome.segments[s][n].clip
        lines.append((segment.position, (s, n), _line(s, segment, clip.path if clip else None)))
    for skipped in job.skipped:
        line = AssemblyLine(
            0, skipped.id, skipped.text, start_s=skipped.start, end_s=skipped.end, skipped=True
        )
        lines.append((skipped.position, None, line))
    return [(place, line) for _, place, line in sorted(lines, key=lambda line: line[0])]


def _line(speaker: int, segment: Segment, clip: str | None) -> AssemblyLine:
    return AssemblyLine(
        speaker=speaker,
        id=segment.id,
        text=segment.text,
        clip=clip,
        published=segment.clip,
        start_s=segment.start,
        end_s=segment.end,
        break_before=segment.break_before,
        same_cue=segment.same_cue,
    )


def assembly_speakers(job: Job) -> tuple[AssemblySpeaker, ...]:
    names = [speaker.name for speaker in job.speakers]
    if "speakers" not in job.tracks:
        return tuple(AssemblySpeaker(name) for name in names)
    stems = file_names(f"{name} (speaker)" if name.casefold() in _TEXTS else name for name in names)
    suffix = job.delivery.track_format
    return tuple(
        AssemblySpeaker(name, f"{TRACKS}/{stem}.{suffix}") for name, stem in zip(names, stems, strict=True)
    )


def assembly_tracks(job: Job) -> AssemblyTracks:
    if not job.tracks:
        return AssemblyTracks()
    has_mix, suffix = "mix" in job.tracks, job.delivery.track_format
    is_book = suffix == "m4b" or (bool(job.chapters) and importlib.util.find_spec("av") is not None)
    return AssemblyTracks(
        mix=f"{TRACKS}/mix.{suffix}" if has_mix and suffix != "m4b" else None,
        book=f"{file_name(job.name)}.m4b" if has_mix and is_book else None,
        srt=f"{TRACKS}/subtitles.srt",
        vtt=f"{TRACKS}/subtitles.vtt",
        timing=f"{TRACKS}/timing.csv",
    )
