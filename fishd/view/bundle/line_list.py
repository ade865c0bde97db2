"""The lines of a bundle in script order, as they would be spoken: all of them, or the first and the last.

They come in batches, so that a hundred thousand can be printed one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment, Segments
from rich.style import Style

from fishd.core.delivery.timeline import Break
from fishd.core.model.job import Job
from fishd.core.text.printable import to_printable
from fishd.view.crop import cropped
from fishd.view.layout import BOLD, DIM, NAME, PLAIN, WIDTH, heading
from fishd.view.wrap import isolated, wrapped

MOST_LINES = 40  # that are shown without being asked for
FIRST_LINES = 20  # of more than that
MARKS = {Break.LINE: " ", Break.PARAGRAPH: "¶", Break.CHAPTER: "§"}

_BATCH_LINES = 500
_ID_CELLS = 24
_SPEAKER_CELLS = 16
_LEAST_TEXT_CELLS = 30  # with less room the text goes below
_SKIPPED_CELLS = 400
_GAP = "  "
_SPOKEN = Style(color="cyan")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the script. `spoken` is what is spoken in place of the text, if that differs."""

    position: int
    id: str
    speaker: str
    text: str
    start: float | None
    end: float | None
    spoken: str = ""
    mark: str = " "
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    """Widths in cells; of a column without anything in it, 0."""

    id: int
    time: int
    speaker: int

    @property
    def head(self) -> int:
        return 2 + sum(width + len(_GAP) for width in (self.id, self.time, self.speaker) if width)

    @property
    def is_stacked(self) -> bool:
        """Does the text stand below the other columns?"""
        return WIDTH - self.head < _LEAST_TEXT_CELLS

    @property
    def indent(self) -> int:
        return 6 if self.is_stacked else self.head


def line_list(job: Job, *, show_all: bool) -> Iterator[Segments]:
    """Print these one after the other, each with `end=""` and `crop=False`."""
    lines = _in_script_order(job)
    is_whole = show_all or len(lines) <= MOST_LINES
    shown = lines if is_whole else [*lines[:FIRST_LINES], lines[-1]]
    columns = _columns(shown)
    titles: dict[int, list[str]] = {}
    for chapter in job.chapters:
        titles.setdefault(chapter.first_line, []).append(chapter.title)
    yield Segments(heading("Lines"))
    if is_whole:
        for first in range(0, len(lines), _BATCH_LINES):
            yield _batch(lines[first : first + _BATCH_LINES], columns, titles)
        return
    yield _batch(shown[:-1], columns, titles)
    yield Segments([Segment(f"  … {len(lines) - len(shown):,} lines more; --lines lists all\n", BOLD)])
    yield _batch(shown[-1:], columns, {})


def _in_script_order(job: Job) -> list[_Line]:
    lines = [
        _Line(
            segment.position,
            segment.id,
            job.speakers[s].name,
            segment.text,
            segment.start,
            segment.end,
            segment.spoken,
            MARKS[segment.break_before],
        )
        for s, _, segment in job.segments()
    ]
    lines += [
        _Line(line.position, line.id, line.speaker, line.text, line.start, line.end, is_skipped=True)
        for line in job.skipped
    ]
    return sorted(lines, key=attrgetter("position"))


def _columns(lines: Sequence[_Line]) -> _Columns:
    speakers = {line.speaker for line in lines}
    return _Columns(
        id=max(cell_len(_cropped_id(line.id)) for line in lines),
        time=max(len(_times(line)) for line in lines),
        speaker=min(max(cell_len(to_printable(name)) for name in speakers), _SPEAKER_CELLS),
    )


def _batch(lines: Sequence[_Line], columns: _Columns, titles: Mapping[int, Sequence[str]]) -> Segments:
    pieces: list[Segment] = []
    for line in lines:
        for title in titles.get(line.position, ()):
            pieces += _chapter(title)
        pieces += _row(line, columns)
    return Segments(pieces)


def _chapter(title: str) -> Iterator[Segment]:
    shown = cropped(title, WIDTH - 8) or "…"
    yield Segment("\n  ")
    yield Segment(isolated(shown), BOLD)
    yield Segment(f" {'─' * (WIDTH - 3 - cell_len(shown))}\n", DIM)


def _row(line: _Line, columns: _Columns) -> Iterator[Segment]:
    """The columns, the text, and what is spoken in its place."""
    style = DIM if line.is_skipped else PLAIN
    yield Segment(f"{line.mark} {_padded(_cropped_id(line.id), columns.id)}", DIM)
    if columns.time:
        yield Segment(f"{_times(line):>{columns.time}}{_GAP}", DIM)
    speaker = isolated(_padded(cropped(line.speaker or "–", columns.speaker), columns.speaker))
    yield Segment(speaker, DIM if line.is_skipped else NAME)
    if columns.is_stacked:
        yield Segment(f"\n{' ' * columns.indent}")
    text = to_printable(line.text)
    if line.is_skipped:
        text = cropped(f"(skipped) {line.text}", _SKIPPED_CELLS)
    yield from _paragraph(text, style, columns.indent)
    if line.spoken:
        yield Segment(" " * columns.indent)
        yield from _paragraph(f"spoken: {to_printable(line.spoken)}", _SPOKEN, columns.indent)


def _paragraph(text: str, style: Style, indent: int) -> Iterator[Segment]:
    """The text; its lines but the first are indented."""
    before = ""
    for row in wrapped(text, WIDTH - indent):
        yield Segment(f"{before}{isolated(row)}\n", style)
        before = " " * indent


def _cropped_id(id_: str) -> str:
    """Its end: that is where ids of one table differ."""
    shown = to_printable(id_)
    if cell_len(shown) <= _ID_CELLS:
        return shown
    while cell_len(shown) >= _ID_CELLS:
        shown = shown[1:]
    return "…" + shown


def _padded(text: str, cells: int) -> str:
    return set_cell_size(text, cells) + _GAP


def _times(line: _Line) -> str:
    """`00:01.0–00:02.5`; "" for a line without times."""
    if line.start is None:
        return ""
    start = _time(line.start)
    return f"{start}–{' ' * len(start) if line.end is None else _time(line.end)}"


def _time(seconds: float) -> str:
    """`00:01.0`, `1:02:03.4`."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    return f"{f'{hours}:' if hours else ''}{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
