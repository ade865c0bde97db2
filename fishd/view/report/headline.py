"""The top of a summary: how the job ended, and remarks of its engine."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result, Totals
from fishd.core.text.humanize import count, duration
from fishd.core.text.printable import to_printable
from fishd.view.crop import cropped
from fishd.view.layout import BOLD, DIM, PLAIN, Cell, frame, hanging

_LOOK = {
    JobStatus.DONE: ("✓ Done", Style(color="green", bold=True)),
    JobStatus.PARTIAL: ("! Partial", Style(color="yellow", bold=True)),
    JobStatus.FAILED: ("✗ Failed", Style(color="red", bold=True)),
    JobStatus.REJECTED: ("✗ Rejected", Style(color="red", bold=True)),
    JobStatus.CANCELLED: ("– Cancelled", Style(color="magenta", bold=True)),
}
_REMARK = Style(color="yellow")
_MARK = Cell(" i ", Style(color="black", bgcolor="yellow"))
_LINE_CELLS = 74


def headline(result: Result) -> Iterator[Segment]:
    """The title and the outcome in one sentence, in a frame of the status's colour."""
    text, style = _LOOK[result.status]
    lines = [Cell(cropped(result.title or result.job, _LINE_CELLS), BOLD)]
    if result.title and result.title != result.job:
        lines.append(Cell(cropped(f"job {result.job}", _LINE_CELLS), DIM))
    lines.append(Cell(outcome(result), PLAIN))
    yield from frame(text, lines, style)


def remarks(result: Result, console: Console) -> Iterator[Segment]:
    """What every listener should know of the engine's voices."""
    for remark in result.remarks:
        yield Segment("\n")
        yield from hanging(_MARK, Text(to_printable(remark), _REMARK), console)


def label(status: JobStatus) -> str:
    """`✓ Done`, `! Partial`."""
    return _LOOK[status][0]


def outcome(result: Result) -> str:
    """How the job ended, in one sentence."""
    totals = result.totals
    segments = count(totals.segments, "segment")
    match result.status:
        case JobStatus.DONE:
            return f"{_all(totals)}{_doubtful(totals)}: {_speech(totals)}."
        case JobStatus.PARTIAL:
            spoken = f"{totals.done:,} of {segments} spoken{_doubtful(totals)}, {totals.failed:,} failed"
            return f"{spoken}: {_speech(totals)}."
        case JobStatus.FAILED:
            return f"None of its {segments} could be spoken."
        case JobStatus.REJECTED:
            return f"The bundle was not accepted: {count(len(result.errors), 'fault')}."
        case JobStatus.CANCELLED:
            return f"Stopped on request: {totals.done:,} of {segments} spoken."


def _all(totals: Totals) -> str:
    return (
        "Its one segment is spoken"
        if totals.segments == 1
        else f"All {totals.segments:,} segments are spoken"
    )


def _doubtful(totals: Totals) -> str:
    return f" ({totals.doubtful:,} doubtful)" if totals.doubtful else ""


def _speech(totals: Totals) -> str:
    return f"{duration(totals.audio_s)} of speech in {duration(totals.wall_s)}"
