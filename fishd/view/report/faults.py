"""What went wrong with a job, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from fishd.core.model.job import Fault
from fishd.core.model.result import Result
from fishd.view.crop import cropped
from fishd.view.layout import BAD, DIM, NAME, NEXT, ODD, Cell, and_more, hanging, heading
from fishd.view.report.next_step import next_step

ELSEWHERE = ": result.json lists all"

_MOST_FAULTS = 50
_MOST_CAUSES = 12
_MOST_PLACES = 12
_WHERE_CELLS = 70
_WHAT_CELLS = 600
_LINE_CELLS = 75
_FAULT = Cell("✗", BAD)


@dataclass(frozen=True, slots=True)
class Cause:
    """Segments that failed for the same reason: (speaker, id) of each, in the bundle's order."""

    what: str
    can_retry: bool
    places: tuple[tuple[str, str], ...]


def causes(result: Result) -> list[Cause]:
    """Failed segments by reason, the most frequent first."""
    places: dict[tuple[str, bool], list[tuple[str, str]]] = {}
    for speaker in result.speakers:
        for segment in speaker.segments:
            if segment.status != "done":
                reason = segment.error or "it was not spoken", segment.can_retry is not False
                places.setdefault(reason, []).append((speaker.name, segment.id))
    found = [Cause(what, can_retry, tuple(where)) for (what, can_retry), where in places.items()]
    return sorted(found, key=lambda cause: -len(cause.places))


def other_faults(result: Result, failed: Sequence[Cause]) -> list[Fault]:
    """The result's errors that are not the failure of a segment."""
    known = {cause.what for cause in failed}
    return [fault for fault in result.errors if fault.what not in known]


def faults(result: Result, console: Console, bundle: str = "") -> Iterator[Segment]:
    """Every fault, then the next step; nothing for a job that is done. `bundle`: where it is archived."""
    failed = causes(result)
    others = other_faults(result, failed)
    step = next_step(result, bundle or f"archive/{result.job}")
    if not (others or failed or step):
        return
    yield from heading("What went wrong" if others or failed else "Next")
    yield from _listed(others, _FAULT, console)
    is_mixed = len({cause.can_retry for cause in failed}) > 1
    for cause in failed[:_MOST_CAUSES]:
        note = " (a retry cannot help)" if is_mixed and not cause.can_retry else ""
        yield from hanging(_FAULT, _cause(cause, note), console)
    yield from and_more(len(failed) - _MOST_CAUSES, "reason", ELSEWHERE)
    if step:
        if others or failed:
            yield Segment("\n")
        yield from hanging(Cell("→", NEXT), step, console)


def doubtful(result: Result, console: Console) -> Iterator[Segment]:
    """Lines whose every take has faults, the worst first: to be listened to."""
    found = [
        (fault.severity, Fault(f"{speaker.name} {segment.id}", "; ".join(f.text for f in quality.faults)))
        for speaker in result.speakers
        for segment in speaker.segments
        if (quality := segment.quality) and (fault := next(iter(quality.faults), None))
    ]
    if found:
        yield from heading("Doubtful lines: listen to them")
        worst_first = sorted(found, key=lambda one: -one[0])
        yield from _listed([fault for _, fault in worst_first], Cell("?", ODD), console, "line")


def warnings(result: Result, console: Console) -> Iterator[Segment]:
    """Oddities of the bundle that did not stop the job."""
    if result.warnings:
        yield from heading("Warnings")
        yield from _listed(result.warnings, Cell("!", ODD), console)


def _listed(found: Sequence[Fault], mark: Cell, console: Console, noun: str = "fault") -> Iterator[Segment]:
    for fault in found[:_MOST_FAULTS]:
        where = Text(cropped(fault.where, _WHERE_CELLS), NAME)
        yield from hanging(mark, _at(where, _one_line(fault.what)), console)
    yield from and_more(len(found) - _MOST_FAULTS, noun, ELSEWHERE)


def _at(where: Text, what: str) -> Text:
    """A place and its fault on one line if they fit, else below each other."""
    if not where:
        return Text(what)
    fits = where.cell_len + cell_len(what) <= _LINE_CELLS
    return Text.assemble(where, ": " if fits else "\n", what)


def _cause(cause: Cause, note: str) -> Text:
    where = Text(_places(cause.places[:_MOST_PLACES]), NAME)
    rest = len(cause.places) - _MOST_PLACES
    if rest > 0:
        where.append(f" … and {rest:,} more (result.json lists all)", DIM)
    return _at(where, _one_line(cause.what) + note)


def _places(places: Iterable[tuple[str, str]]) -> str:
    """`Alice 003, 007, Bob 001`."""
    shown: list[str] = []
    last = None
    for speaker, segment in places:
        name = "" if speaker == last else cropped(speaker, 32) + " "
        shown.append(name + cropped(segment, 24))
        last = speaker
    return ", ".join(shown)


def _one_line(what: str) -> str:
    return cropped(" ".join(what[: 8 * _WHAT_CELLS].split()), _WHAT_CELLS)
