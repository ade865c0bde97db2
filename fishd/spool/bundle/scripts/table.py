"""Tables (.csv, .tsv): a header, then a row for each line, as spreadsheets and game studios export them.

Rows are numbered as a spreadsheet numbers them: the header is row 1, and a cell of several lines is in one
row. The delimiter is the one by which the header has most of the columns; Excel's `sep=;` is understood.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fishd.core.text.humanize import count
from fishd.spool.bundle.scripts.draft import language_tag, quoted, speech
from fishd.spool.bundle.scripts.model import ScriptLine
from fishd.spool.bundle.scripts.sounds import spoken_part
from fishd.spool.bundle.scripts.timestamps import parse_timestamp

if TYPE_CHECKING:
    from fishd.spool.bundle.scripts.draft import ScriptDraft

COLUMNS = ("id", "speaker", "text", "language", "start", "end")
_DELIMITERS = ",;\t"
_SEPARATOR_LINE = re.compile(r"\s*sep=([,;\t|]) *\n", re.IGNORECASE)  # Excel's, in front of the header
_HEADER_CHARS = 1 << 16
_COLUMNS_NAMED = 20
_SECONDS = re.compile(r"\d{1,9}(?:[.,]\d{1,9})?", re.ASCII)
_FORMULA = re.compile(r"=\s*(?:[A-Za-z.]+[(|]|\$?[A-Z]{1,3}\$?\d|[\"'(+-])")
_FORMULA_ERRORS = ("#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!")


def read_table(text: str, draft: ScriptDraft) -> None:
    """Add the file's lines to the draft."""
    wanted = {key: draft.settings.columns.get(key, key) for key in COLUMNS}
    separator = _SEPARATOR_LINE.match(text)
    table = text[separator.end() :] if separator else text
    rows = _rows(table, separator[1] if separator else _delimiter(table, wanted.values()), draft)
    header_row, header = next(rows, (1, list[str]()))
    columns = _columns(header, wanted, header_row, draft)
    if "text" in columns:
        reader = _RowReader(columns, len(header), draft)
        for row, cells in rows:
            reader.read(row, cells)


class _RowReader:
    """Adds rows to a draft."""

    def __init__(self, columns: Mapping[str, int], width: int, draft: ScriptDraft) -> None:
        self._columns = columns
        self._width = width
        self._draft = draft

    def read(self, row: int, cells: Sequence[str]) -> None:
        """Add a row's line, or say what is wrong with it."""
        if any(map(str.strip, cells[self._width :])) or len(cells) <= self._columns["text"]:
            what = f"has {count(len(cells), 'cell')}, and the header {self._width}"
            self._draft.fault(_place(row), f'{what}; put a text with a delimiter in quotes ("a, b")')
            return
        text = self._cell(cells, "text").strip()
        if not text:
            self._draft.leave_out("because there is no text", f"row {row}")
            return
        if _FORMULA.match(text) or text in _FORMULA_ERRORS:
            self._draft.fault(_place(row), f"{quoted(text)} is a formula; export the values")
        self._draft.add(self._line(row, cells, text))

    def _line(self, row: int, cells: Sequence[str], text: str) -> ScriptLine:
        start, end = self._times(row, cells)
        spoken, is_skipped = spoken_part(text.split("\n"), self._draft.settings.skip)
        return ScriptLine(
            place=self._draft.name + _place(row),
            text=spoken,
            speaker=speech(self._cell(cells, "speaker")),
            id=speech(self._cell(cells, "id")),
            language=self._language(row, cells),
            start=start,
            end=end,
            is_skipped=is_skipped,
        )

    def _cell(self, cells: Sequence[str], key: str) -> str:
        """Spreadsheets leave out empty cells at the end of a row."""
        index = self._columns.get(key, len(cells))
        return cells[index] if index < len(cells) else ""

    def _times(self, row: int, cells: Sequence[str]) -> tuple[float | None, float | None]:
        start, end = (self._time(row, self._cell(cells, key).strip()) for key in ("start", "end"))
        if start is not None and end is not None and end <= start:
            self._draft.fault(_place(row), f"ends at {end:g} s, which is not after its start at {start:g} s")
        return start, end

    def _time(self, row: int, written: str) -> float | None:
        if not written:
            return None
        is_seconds = _SECONDS.fullmatch(written)
        moment = float(written.replace(",", ".")) if is_seconds else parse_timestamp(written)
        if moment is None:
            what = f"{quoted(written)} is not a time; write seconds (12.5) or 00:00:12,500"
            self._draft.fault(_place(row), what)
        return moment

    def _language(self, row: int, cells: Sequence[str]) -> str:
        written = self._cell(cells, "language").strip()
        tag = language_tag(written)
        if written and not tag:
            what = f'{quoted(written)} is not a language; write a tag such as "en" or "pt-BR"'
            self._draft.fault(_place(row), what)
        return tag


def _delimiter(table: str, wanted: Iterable[str]) -> str:
    """Of delimiters by which the header has equally many of the columns, the one with most cells wins."""
    names = set(map(_fold, wanted))

    def columns_found(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(table[:_HEADER_CHARS].lstrip()), delimiter=delimiter)
        header = [_fold(cell) for cell in next(reader, list[str]())]
        return len(names.intersection(header)), len(header)

    return max(_DELIMITERS, key=columns_found)


def _rows(table: str, delimiter: str, draft: ScriptDraft) -> Iterator[tuple[int, list[str]]]:
    """(number, cells) of every row that is not blank. A quote that is never closed is a fault."""
    reader = csv.reader(io.StringIO(table, newline=""), delimiter=delimiter)
    row = last_line = 0
    while True:
        line = reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error as error:  # a cell of more than 131,072 characters
            draft.fault(_place(row + 1), f'cannot be read ({error}); is a quote (") in it not closed?')
            return
        if cells is None:
            break
        row, last_line = row + 1, line
        if any(map(str.strip, cells)):
            yield row, cells
    if _is_unclosed(table.split("\n")[last_line:], delimiter):
        draft.fault(_place(row), 'has a quote (") that is never closed; it takes in the rest of the file')


def _is_unclosed(last_row: Sequence[str], delimiter: str) -> bool:
    try:
        list(csv.reader((line + "\n" for line in last_row), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _columns(
    header: Sequence[str], wanted: Mapping[str, str], row: int, draft: ScriptDraft
) -> Mapping[str, int]:
    """Where the columns stand. Only the text must be there, and what the job's settings name."""
    names = [_fold(cell) for cell in header]
    known = ", ".join(quoted(cell) for cell in header[:_COLUMNS_NAMED])
    columns: dict[str, int] = {}
    for key, name in wanted.items():
        if names.count(_fold(name)) == 1:
            columns[key] = names.index(_fold(name))
        elif _fold(name) in names:
            draft.fault(_place(row), f"has several columns {quoted(name)}; rename all but one")
        elif key == "text" or key in draft.settings.columns:
            what = f"has no column {quoted(name)}, but {known or 'no header'}"
            draft.fault(_place(row), f'{what}; say which it is: [script] columns = {{ {key} = "…" }}')
    return columns


def _fold(name: str) -> str:
    return speech(name).casefold()


def _place(row: int) -> str:
    return f" row {row}"
