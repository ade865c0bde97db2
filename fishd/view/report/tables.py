"""The tables of a summary: speakers, workers, totals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.segment import Segment

from fishd.core.model.result import Result, SpeakerResult, WorkerShare
from fishd.core.text.humanize import count, duration, times_real_time
from fishd.core.text.printable import to_printable
from fishd.view.crop import cropped
from fishd.view.layout import BAD, DIM, NAME, Cell, Column, and_more, bar, heading, pairs, table
from fishd.view.report.faults import ELSEWHERE

_MOST_SPEAKERS = 40
_MOST_WORKERS = 32
_NAME_CELLS = 34
_VALUE_CELLS = 60
_BAR_CELLS = 16
_SPEAKERS = (
    Column("Speaker"),
    Column("Language"),
    Column("Segments", right=True),
    Column("Speech", right=True),
    Column("Failed", right=True),
)
_WORKERS = (
    Column("Worker"),
    Column("Device"),
    Column("Takes", right=True),
    Column("Busy", right=True),
    Column(""),
)


def speakers(result: Result) -> Iterator[Segment]:
    """Each speaker's segments, seconds of speech and failures."""
    if not result.speakers:
        return
    yield from heading("Speakers")
    yield from table(_SPEAKERS, [_speaker_row(speaker) for speaker in result.speakers[:_MOST_SPEAKERS]])
    yield from and_more(len(result.speakers) - _MOST_SPEAKERS, "speaker", ELSEWHERE)


def workers(result: Result) -> Iterator[Segment]:
    """Each worker's takes, and the share of the job's time in which it was busy."""
    if not result.workers:
        return
    wall_s = result.totals.wall_s
    yield from heading("Workers")
    yield from table(_WORKERS, [_worker_row(share, wall_s) for share in result.workers[:_MOST_WORKERS]])
    yield from and_more(len(result.workers) - _MOST_WORKERS, "worker", ELSEWHERE)


def totals(result: Result) -> Iterator[Segment]:
    """Speech, time, speed and engine of the whole job."""
    yield from heading("Totals")
    yield from pairs([(name, cropped(value, _VALUE_CELLS)) for name, value in total_rows(result)])


def total_rows(result: Result) -> list[tuple[str, str]]:
    """Names and values of the totals."""
    whole = result.totals
    rows = [("Wall time", f"{duration(whole.wall_s)}  {_span(result)}".rstrip())]
    if whole.done:
        rows = [
            ("Speech", f"{duration(whole.audio_s)} in {count(whole.done, 'clip')}, in clips/"),
            *rows,
            ("Speech rate", f"{whole.speech_rate:.1f} seconds of speech per second"),
            ("Speed", times_real_time(whole.speech_rate)),
        ]
    if result.engine:
        rows.append(("Engine", to_printable(_engine(result))))
    return rows


def busy_share(share: WorkerShare, wall_s: float) -> float:
    """How much of the job's time a worker was busy with it, up to 1."""
    return min(share.busy_s / wall_s, 1.0) if wall_s > 0 else 0.0


def _speaker_row(speaker: SpeakerResult) -> tuple[Cell, ...]:
    failed = sum(segment.status != "done" for segment in speaker.segments)
    return (
        Cell(cropped(speaker.name, _NAME_CELLS), NAME),
        Cell(cropped(speaker.language, 12)),
        Cell(f"{len(speaker.segments):,}"),
        Cell(f"{sum(segment.duration_s or 0.0 for segment in speaker.segments):,.1f} s"),
        Cell(f"{failed:,}", BAD) if failed else Cell("–", DIM),
    )


def _worker_row(share: WorkerShare, wall_s: float) -> tuple[Cell, ...]:
    busy = busy_share(share, wall_s)
    return (
        Cell(f"Worker {share.worker}"),
        Cell(cropped(share.device, _NAME_CELLS)),
        Cell(f"{share.takes:,}"),
        Cell(f"{busy:.0%}"),
        bar(busy, _BAR_CELLS),
    )


def _span(result: Result) -> str:
    try:
        began, ended = (datetime.fromisoformat(at) for at in (result.started, result.finished))
    except ValueError:
        return ""
    return f"({began:%d %b %Y, %H:%M:%S} to {ended:%H:%M:%S} UTC)"


def _engine(result: Result) -> str:
    names = tuple(dict.fromkeys(result.device_names))
    return f"{result.engine} on {', '.join(names)}" if names else result.engine
