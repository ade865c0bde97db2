"""What the page shows of one job: its result, its approvals and the requests that are still in progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from fishd.core.model.result import FaultResult, Result, SegmentResult, SpeakerResult, Totals, TrackResult
from fishd.review.approvals import LineKey, read_approved
from fishd.review.requests import Request
from fishd.review.results import read_result


class TakeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A kept take; `file` is below the result's folder."""

    take: int
    file: str
    faults: tuple[str, ...] = ()


class LineView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line. `version` changes whenever it is spoken again; `speaker` is a position in JobView's."""

    speaker: int
    id: str
    text: str
    status: str
    version: str
    spoken: str = ""
    clip: str = ""
    duration_s: float = 0
    at_s: float | None = None
    faults: tuple[str, ...] = ()
    error: str = ""
    take: int = 0
    takes: tuple[TakeView, ...] = ()
    approved: bool = False


class SpeakerView(msgspec.Struct, frozen=True):
    name: str
    references: tuple[str, ...]


class JobView(msgspec.Struct, frozen=True):
    """Everything of a job, as JSON."""

    job: str
    title: str
    status: str
    finished: str
    totals: Totals
    errors: tuple[str, ...]
    tracks: tuple[TrackResult, ...]
    speakers: tuple[SpeakerView, ...]
    lines: tuple[LineView, ...]
    requests: tuple[Request, ...]


def view_job(root: Path, job: str, requests: Sequence[Request]) -> JobView:
    """Raises NoSuchJob."""
    result = read_result(root, job)
    approved = read_approved(root, job)
    return JobView(
        job=job,
        title=result.title,
        status=result.status,
        finished=result.finished,
        totals=result.totals,
        errors=tuple(map(str, result.errors)),
        tracks=result.tracks,
        speakers=tuple(SpeakerView(speaker.name, ()) for speaker in result.speakers),
        lines=_lines(result, approved),
        requests=tuple(requests),
    )


def line_versions(result: Result) -> dict[LineKey, str]:
    """The version of each line that has a clip."""
    return {
        (speaker.name, segment.id): version(segment)
        for speaker in result.speakers
        for segment in speaker.segments
        if segment.clip
    }


def version(segment: SegmentResult) -> str:
    """Of the bytes that are heard, where they are known."""
    return segment.digest or f"{segment.seed}-{segment.takes}-{segment.duration_s}"


def _lines(result: Result, approved: Mapping[LineKey, str]) -> tuple[LineView, ...]:
    return tuple(
        _line(number, speaker, segment, approved.get((speaker.name, segment.id)))
        for number, speaker in enumerate(result.speakers)
        for segment in speaker.segments
    )


def _line(number: int, speaker: SpeakerResult, segment: SegmentResult, approved: str | None) -> LineView:
    del speaker
    return LineView(
        speaker=number,
        id=segment.id,
        text=segment.text,
        status=segment.status,
        version=version(segment),
        spoken=segment.spoken or "",
        clip=segment.clip or "",
        duration_s=segment.duration_s or 0,
        at_s=segment.at_s if segment.at_s is not None else segment.start_s,
        faults=_texts(segment.quality.faults) if segment.quality else (),
        error=segment.error or "",
        approved=approved == version(segment),
    )


def _texts(faults: Sequence[FaultResult]) -> tuple[str, ...]:
    return tuple(fault.text for fault in faults)
