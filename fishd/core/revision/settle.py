"""How a revision ended: a line that could not be spoken keeps its former take and text. Pure."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from fishd.core.model.job import Fault, Job, JobStatus, Segment
from fishd.core.model.outcome import JobOutcome, SegmentOutcome
from fishd.core.model.revised_job import Position, RevisedJob

REFUSED = (JobStatus.REJECTED, JobStatus.CANCELLED)


def why_refused(outcome: JobOutcome) -> tuple[Fault, ...]:
    """Why the former result stays as it is; empty if the revision is to be published."""
    if outcome.status is JobStatus.CANCELLED:
        return (Fault("", "it was cancelled"),)
    return outcome.faults if outcome.status is JobStatus.REJECTED else ()


def settle(outcome: JobOutcome, revised: RevisedJob) -> JobOutcome:
    """The outcome as it is published, never worse than before. Not for a revision that is refused."""
    job, segments = revised.job, [list(row) for row in outcome.segments]
    errors = {
        place: segments[place[0]][place[1]].error
        for place in revised.spoken
        if segments[place[0]][place[1]].clip is None
    }
    for s, n in errors:
        segments[s][n] = _with_former(segments[s][n], revised, (s, n))
    ends = tuple(map(tuple, segments))
    warnings = (*outcome.warnings, *revised.warnings, *_unchanged(revised, errors))
    return replace(
        outcome,
        job=_with_segments(job, {place: revised.spoken[place] for place in errors}),
        segments=ends,
        status=_status(ends),
        warnings=warnings,
        revision=_with_errors(revised, errors),
    )


def _with_former(end: SegmentOutcome, revised: RevisedJob, place: Position) -> SegmentOutcome:
    clip = revised.clips.get(place)
    return end if clip is None else replace(end, clip=clip, error="", can_retry=True, spoken=(clip,))


def _with_segments(job: Job, segments: dict[Position, Segment]) -> Job:
    speakers = tuple(
        replace(
            speaker,
            segments=tuple(segments.get((s, n), segment) for n, segment in enumerate(speaker.segments)),
        )
        for s, speaker in enumerate(job.speakers)
    )
    return replace(job, speakers=speakers)


def _with_errors(revised: RevisedJob, errors: dict[Position, str]) -> RevisedJob:
    """The history says which lines are unchanged; only the others count as spoken."""
    by_name = {
        (revised.job.speakers[s].name, revised.spoken[s, n].id): error for (s, n), error in errors.items()
    }
    lines = tuple(
        msgspec.structs.replace(line, error=by_name.get((line.speaker, line.id)))
        for line in revised.entry.lines
    )
    entry = msgspec.structs.replace(revised.entry, lines=lines)
    spoken = {place: segment for place, segment in revised.spoken.items() if place not in errors}
    return replace(revised, entry=entry, spoken=spoken)


def _unchanged(revised: RevisedJob, errors: dict[Position, str]) -> list[Fault]:
    return [
        Fault(
            f"{revised.job.speakers[s].name} {revised.spoken[s, n].id}",
            f"could not be spoken ({error}); the former take is kept",
        )
        for (s, n), error in errors.items()
        if (s, n) in revised.clips
    ]


def _status(segments: tuple[tuple[SegmentOutcome, ...], ...]) -> JobStatus:
    clips = [end.clip for row in segments for end in row]
    if all(clips):
        return JobStatus.DONE
    return JobStatus.PARTIAL if any(clips) else JobStatus.FAILED
