"""What the page shows of one job: its result, its approvals and the requests that are still in progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from fishd.core.model.result import KeptTake, Result, SegmentResult, Totals, TrackResult
from fishd.core.text.printable import to_printable
from fishd.review.approvals import LineKey, read_approved
from fishd.review.requests import Request
from fishd.review.results import read_result
from fishd.view.page.lines import Line, lines


class TakeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A kept take, by its number, with what it says."""

    take: int
    text: str
    faults: tuple[str, ...] = ()


class LineView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line as the page of a file shows it, with its takes.

    `speaker_name` and `id` name it in requests; `version` changes whenever another take is its clip.
    `refused` says why the last revision that was asked for it has left it as it is.
    """

    state: str
    speaker_name: str
    id: str
    who: str
    label: str
    text: str
    version: str
    speaker: int | None = None
    language: str = ""
    spoken: str = ""
    clip: str = ""
    duration_s: float = 0
    at: str = ""
    length: str = ""
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    take: int = 0
    takes: tuple[TakeView, ...] = ()
    refused: str = ""
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
    revision: int
    totals: Totals
    errors: tuple[str, ...]
    tracks: tuple[TrackResult, ...]
    speakers: tuple[SpeakerView, ...]
    lines: tuple[LineView, ...]
    requests: tuple[Request, ...]


def view_job(root: Path, job: str, requests: Sequence[Request]) -> JobView:
    """Raises NoSuchJob."""
    result = read_result(root, job)
    published = {revision.request for revision in result.revisions}
    return JobView(
        job=job,
        title=result.title,
        status=result.status,
        finished=result.finished,
        revision=result.revision,
        totals=result.totals,
        errors=tuple(map(str, result.errors)),
        tracks=result.tracks,
        speakers=tuple(SpeakerView(speaker.name, speaker.references) for speaker in result.speakers),
        lines=_lines(result, read_approved(root, job)),
        requests=tuple(request for request in requests if request.name not in published),
    )


def _lines(result: Result, approved: Mapping[LineKey, str]) -> tuple[LineView, ...]:
    segments = {(speaker.name, one.id): one for speaker in result.speakers for one in speaker.segments}
    refused = {(line.speaker, line.id): line.error for one in result.revisions for line in one.lines}
    keyed = [((line.speaker_name, line.id), line) for line in lines(result)]
    return tuple(_line(line, segments.get(key), approved.get(key), refused.get(key)) for key, line in keyed)


def _line(line: Line, segment: SegmentResult | None, approved: str | None, refused: str | None) -> LineView:
    version = _version(segment) if segment else ""
    return LineView(
        state=line.state,
        speaker_name=line.speaker_name,
        id=line.id,
        who=line.who,
        label=line.label,
        text=line.text,
        version=version,
        speaker=line.speaker,
        language=line.language,
        spoken=line.spoken,
        clip=segment.clip or "" if segment else "",
        duration_s=segment.duration_s or 0 if segment else 0,
        at=line.at,
        length=line.length,
        faults=line.faults,
        notes=line.notes,
        take=segment.chosen or 0 if segment else 0,
        takes=tuple(map(_take, segment.kept)) if segment else (),
        refused=to_printable(refused or ""),
        approved=bool(version) and approved == version,
    )


def _take(kept: KeptTake) -> TakeView:
    faults = kept.quality.faults if kept.quality else ()
    return TakeView(kept.take, to_printable(kept.text), tuple(to_printable(fault.text) for fault in faults))


def _version(segment: SegmentResult) -> str:
    """Of the bytes that are heard, where they are known."""
    return segment.digest or f"{segment.seed}-{segment.takes}-{segment.duration_s}"
