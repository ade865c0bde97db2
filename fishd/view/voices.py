"""`fishd voices`: a row for each voice of the library, then aliases, faults and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from fishd.core.model.job import Fault
from fishd.core.text.humanize import duration
from fishd.core.text.printable import to_printable
from fishd.view.crop import cropped
from fishd.view.layout import BAD, DIM, NAME, ODD, PLAIN, WIDTH, Cell, Column, hanging, heading, table

_NAME_CELLS = 22
_DEFAULT = " (default)"
_GAPS = 4 + 3 * 3  # the margins, and between four columns
_COLUMNS = (Column("Voice"), Column("Language"), Column("Reference", right=True), Column("Transcript"))


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A voice of the library. `reference_s` is None where the clip cannot be used.

    `default`: it speaks what names nobody in scripts that are dropped alone.
    """

    name: str
    language: str = ""
    aliases: tuple[str, ...] = ()
    reference_s: float | None = None
    transcript: str = ""
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    is_default: bool = False


def voice_rows(rows: Sequence[LibraryRow], console: Console) -> Iterator[Segment]:
    """The table and what belongs to it; there must be a row."""
    yield from table(_COLUMNS, _cells(rows))
    aliases = [(Cell(" ", PLAIN), _aliases(row)) for row in rows if row.aliases]
    faults = [(Cell("✗", BAD), _fault(fault)) for row in rows for fault in row.faults]
    warnings = [(Cell("!", ODD), _fault(fault)) for row in rows for fault in row.warnings]
    for title, items in (("Aliases", aliases), ("Faults", faults), ("Warnings", warnings)):
        if items:
            yield from heading(title)
        for mark, text in items:
            yield from hanging(mark, text, console)


def _cells(rows: Sequence[LibraryRow]) -> list[tuple[Cell, ...]]:
    """The transcript gets what the others leave."""
    names = [_name(row) for row in rows]
    languages = [Cell(cropped(row.language, 12) or "–", PLAIN if row.language else DIM) for row in rows]
    lengths = [Cell("–", DIM) if row.reference_s is None else Cell(duration(row.reference_s)) for row in rows]
    room = (
        WIDTH
        - _GAPS
        - sum(
            max(cell_len(column.title), *(cell.width for cell in cells))
            for column, cells in zip(_COLUMNS, (names, languages, lengths), strict=False)
        )
    )
    texts = [Cell(set_cell_size(cropped(row.transcript, room), room), DIM) for row in rows]
    return list(zip(names, languages, lengths, texts, strict=True))


def _name(row: LibraryRow) -> Cell:
    sign, style = ("✗", BAD) if row.faults else ("!", ODD) if row.warnings else ("✓", NAME)
    return Cell(f"{sign} {cropped(row.name, _NAME_CELLS)}", style, _DEFAULT if row.is_default else "")


def _aliases(row: LibraryRow) -> Text:
    return Text.assemble((to_printable(row.name), NAME), f": {to_printable(', '.join(row.aliases))}")


def _fault(fault: Fault) -> Text:
    return Text.assemble((to_printable(fault.where), NAME), ": ", to_printable(fault.what))
