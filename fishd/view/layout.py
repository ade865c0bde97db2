"""Layout in 80 columns: frames, tables and hanging paragraphs, written straight into rich's segments.

rich.table wraps and measures cells, and needs 3 ms for the summary of one segment. Our cells are short by
construction, so that a column is as wide as its widest cell and a row is one line: that takes a tenth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from fishd.core.text.humanize import count
from fishd.view.crop import cropped

WIDTH = 80
PLAIN = Style()
BOLD = Style(bold=True)
DIM = Style(color="bright_black")
NAME = Style(color="cyan")
GOOD = Style(color="green")
BAD = Style(color="red", bold=True)
ODD = Style(color="yellow", bold=True)
NEXT = Style(color="cyan", bold=True)

_GAP = 3
_LEAST_CELLS = 8
_NEWLINE = Segment("\n")


@dataclass(frozen=True, slots=True)
class Cell:
    """Printable text, short enough for its place."""

    text: str
    style: Style = PLAIN
    tail: str = ""  # follows the text, dim

    @property
    def width(self) -> int:
        return cell_len(self.text) + len(self.tail)


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    right: bool = False


def frame(label: str, lines: Iterable[Cell], style: Style) -> Iterator[Segment]:
    """Lines in a box with the label in its upper edge."""
    edge = Style(color=style.color)
    inner = WIDTH - 2
    yield Segment("╭─ ", edge)
    yield Segment(label, style)
    yield Segment(f" {'─' * (inner - 3 - cell_len(label))}╮\n", edge)
    for line in lines:
        yield Segment("│  ", edge)
        yield Segment(line.text, line.style)
        yield Segment(" " * (inner - 2 - cell_len(line.text)), PLAIN)
        yield Segment("│\n", edge)
    yield Segment(f"╰{'─' * inner}╯\n", edge)


def heading(title: str) -> Iterator[Segment]:
    """A section's title, below an empty line."""
    yield Segment(f"\n{title}\n", BOLD)


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> Iterator[Segment]:
    """Titles, a rule and rows across the page; the first column takes the width that the others leave."""
    widths = [
        max(cell_len(column.title), *(row[n].width for row in rows)) for n, column in enumerate(columns)
    ]
    widths[0] = max(WIDTH - 4 - sum(widths[1:]) - _GAP * (len(widths) - 1), _LEAST_CELLS)
    yield from _row([Cell(column.title, DIM) for column in columns], columns, widths)
    yield Segment(f" {'─' * (WIDTH - 2)}\n", DIM)
    for first, *others in rows:
        yield from _row([replace(first, text=cropped(first.text, widths[0])), *others], columns, widths)


def and_more(number: int, noun: str, note: str = "") -> Iterator[Segment]:
    """Below a list that was cut: how many are left out. Nothing if none are."""
    if number > 0:
        yield Segment(f"  … and {count(number, f'more {noun}')}{note}\n", DIM)


def pairs(rows: Sequence[tuple[str, str]]) -> Iterator[Segment]:
    """Names in a dim column, and their values beside them."""
    width = max(len(name) for name, _ in rows) + _GAP
    for name, value in rows:
        yield Segment(f"  {name:<{width}}", DIM)
        yield Segment(value + "\n", PLAIN)


def hanging(mark: Cell, text: Text, console: Console) -> Iterator[Segment]:
    """A paragraph with its mark in the margin."""
    indent = cell_len(mark.text) + 3
    lines = text.wrap(console, WIDTH - indent - 1, overflow="fold")
    for n, line in enumerate(lines):
        if n:
            yield Segment(" " * indent, PLAIN)
        else:
            yield from (Segment("  ", PLAIN), Segment(mark.text, mark.style), Segment(" ", PLAIN))
        line.rstrip()
        yield from line.render(console)
        yield _NEWLINE


def bar(share: float, cells: int, style: Style = GOOD) -> Cell:
    """A progress bar: that share of the cells solid, the others dim."""
    filled = round(min(max(share, 0.0), 1.0) * cells)
    return Cell("━" * filled, style, tail="┄" * (cells - filled))


def _row(cells: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int]) -> Iterator[Segment]:
    before = "  "
    for cell, column, width in zip(cells, columns, widths, strict=True):
        room = " " * (width - cell.width)
        yield Segment(before + room if column.right else before, PLAIN)
        yield Segment(cell.text, cell.style)
        if cell.tail:
            yield Segment(cell.tail, DIM)
        before = " " * _GAP if column.right else room + " " * _GAP
    yield _NEWLINE
