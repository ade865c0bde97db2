"""All that went wrong with a job, in words, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from fishd.core.model.job import Fault, JobStatus
from fishd.core.model.result import Result
from fishd.core.text.humanize import count
from fishd.view.crop import cropped
from fishd.view.layout import BAD, DIM, NAME, NEXT, ODD, Cell, hanging, heading

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
    places: tuple[tuple[str, str], ...]


def causes(result: Result) -> list[Cause]:
    """Failed segments by reason, the most frequent first."""
    places: dict[str, list[tuple[str, str]]] = {}
    for speaker in result.speakers:
        for segment in speaker.segments:
            if segment.status != "done":
                reason = segment.error or "it was not spoken"
                places.setdefault(reason, []).append((speaker.name, segment.id))
    found = [Cause(what, tuple(where)) for what, where in places.items()]
    return sorted(found, key=lambda cause: -len(cause.places))


def faults(result: Result, console: Console, bundle: str = "") -> Iterator[Segment]:
    """Every fault, then the next step. Nothing where all went well. `bundle`: where it is archived."""
    failed = causes(result)
    known = {cause.what for cause in failed}
    others = [fault for fault in result.errors if fault.what not in known]
    step = next_step(result, bundle or f"archive/{result.job}")
    if not (others or failed or step):
        return
    yield from heading("What went wrong" if others or failed else "Next")
    yield from _listed(others, _FAULT, console)
    for cause in failed[:_MOST_CAUSES]:
        yield from hanging(_FAULT, _cause(cause), console)
    yield from _and_more(len(failed) - _MOST_CAUSES, "more reason")
    if step:
        if others or failed:
            yield Segment("\n")
        yield from hanging(Cell("→", NEXT), step, console)


def warnings(result: Result, console: Console) -> Iterator[Segment]:
    """What did not stop the job, but should be known."""
    if result.warnings:
        yield from heading("Warnings")
        yield from _listed(result.warnings, Cell("!", ODD), console)


def next_step(result: Result, bundle: str) -> Text | None:
    """What the user does now; `bundle` is where it is archived."""
    job = shlex.quote(cropped(result.job, 40))
    kept = cropped(bundle, 48)
    match result.status:
        case JobStatus.DONE:
            return None
        case JobStatus.PARTIAL:
            return _step(
                ("", f"fishd retry {job}"), (" speaks the failed segments again; what is spoken stays.", "")
            )
        case JobStatus.FAILED:
            return _step(
                ("Mend the cause, then: ", f"fishd retry {job}"), (f" (the bundle is in {kept})", "")
            )
        case JobStatus.REJECTED:
            return _step(
                (
                    f"Mend the bundle, which is in {kept}, and drop it again. Its faults without a drop: ",
                    "fishd check BUNDLE",
                )
            )
        case JobStatus.CANCELLED:
            return _step((f"To have it spoken after all, drop it again; the bundle is in {kept}.", ""))


def _step(*said: tuple[str, str]) -> Text:
    step = Text()
    for words, command in said:
        step.append(words).append(command, NEXT)
    return step


def _listed(found: Sequence[Fault], mark: Cell, console: Console) -> Iterator[Segment]:
    for fault in found[:_MOST_FAULTS]:
        where = Text(cropped(fault.where, _WHERE_CELLS), NAME)
        yield from hanging(mark, _said(where, _words(fault.what)), console)
    yield from _and_more(len(found) - _MOST_FAULTS, "more fault")


def _said(where: Text, what: str) -> Text:
    """Place and words on one line if they fit, else below each other."""
    if not where:
        return Text(what)
    fits = where.cell_len + cell_len(what) <= _LINE_CELLS
    return Text.assemble(where, ": " if fits else "\n", what)


def _cause(cause: Cause) -> Text:
    where = Text(_places(cause.places[:_MOST_PLACES]), NAME)
    rest = len(cause.places) - _MOST_PLACES
    if rest > 0:
        where.append(f" … and {rest:,} more (result.json lists all)", DIM)
    return _said(where, _words(cause.what))


def _places(places: Iterable[tuple[str, str]]) -> str:
    """`Alice 003, 007, Bob 001`."""
    said: list[str] = []
    last = None
    for speaker, segment in places:
        name = "" if speaker == last else cropped(speaker, 32) + " "
        said.append(name + cropped(segment, 24))
        last = speaker
    return ", ".join(said)


def _words(what: str) -> str:
    return cropped(" ".join(what[: 8 * _WHAT_CELLS].split()), _WHAT_CELLS)


def _and_more(number: int, noun: str) -> Iterator[Segment]:
    if number > 0:
        yield Segment(f"    … and {count(number, noun)}: result.json lists all\n", DIM)
