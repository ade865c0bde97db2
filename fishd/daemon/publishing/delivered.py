"""What the assembly has made of a job, in its result: clips, tracks, levels, times. Pure."""

from __future__ import annotations

from pathlib import PurePath

from msgspec.structs import replace

from fishd.core.delivery.settings import CLIP_FORMATS, TRACK_FORMATS
from fishd.core.delivery.timeline import Placement
from fishd.core.model.job import Fault, Job
from fishd.core.model.outcome import JobOutcome
from fishd.core.model.result import ChapterResult, Result, SegmentResult, TrackResult
from fishd.core.text.humanize import count
from fishd.daemon.publishing.assembly_request import script_order
from fishd.wire.assembly import AssemblyResult

_AUDIO = {f".{suffix}" for suffix in (*CLIP_FORMATS, *TRACK_FORMATS)}


def with_delivery(
    result: Result, outcome: JobOutcome, job: Job, made: AssemblyResult, takes_folder: str
) -> Result:
    """`made` is the answer to the outcome's assembly request."""
    places = [place for place, _ in script_order(outcome, job)]
    placements = {
        place: placement
        for place, placement in zip(places, made.placements, strict=True)
        if place is not None and placement is not None
    }
    speakers = tuple(
        replace(
            speaker,
            segments=tuple(
                _segment(
                    segment,
                    job.speakers[s].segments[n].clip,
                    placements.get((s, n)),
                    made.sample_rate,
                    has_tracks=bool(job.tracks),
                )
                for n, segment in enumerate(speaker.segments)
            ),
            loudness_lufs=_rounded(level.loudness_lufs),
            gain_db=_rounded(level.gain_db),
        )
        for s, (speaker, level) in enumerate(zip(result.speakers, made.speakers, strict=True))
    )
    clips = {segment.clip for speaker in speakers for segment in speaker.segments}
    tracks = tuple(
        TrackResult(file.path, round(file.duration_s, 3), file.size_bytes)
        for file in made.files
        if file.path not in clips and file.duration_s is not None and PurePath(file.path).suffix in _AUDIO
    )
    chapters = tuple(
        ChapterResult(chapter.title, chapter.start_ms / 1000, chapter.end_ms / 1000)
        for chapter in made.chapters
    )
    warnings = list(made.warnings)
    if tracks and result.totals.failed:
        warnings.append(f"{count(result.totals.failed, 'line')} failed: the tracks are silent there")
    faults = tuple(Fault("tracks", what) for what in warnings)
    return replace(
        result,
        speakers=speakers,
        tracks=tracks,
        chapters=chapters if tracks else (),
        warnings=result.warnings + faults,
        takes_folder=takes_folder,
    )


def _segment(
    segment: SegmentResult, clip: str, placement: Placement | None, sample_rate: int, *, has_tracks: bool
) -> SegmentResult:
    if segment.clip is None:
        return segment
    if placement is None or not has_tracks:
        return replace(segment, clip=clip, take=segment.clip)
    return replace(
        segment,
        clip=clip,
        take=segment.clip,
        at_s=round(placement.start / sample_rate, 6),
        speed=round(placement.speed, 4),
        overrun_s=round(placement.overrun / sample_rate, 3) or None,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
