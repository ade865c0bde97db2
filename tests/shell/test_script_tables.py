"""Tables: a row is a line; what spreadsheets do to files is understood, what is wrong has its row."""

from __future__ import annotations

import pytest

from fishd.spool.bundle.scripts.model import ScriptLine
from tests.shell.scripts import faults_of, good, read, said, texts, warnings_of

CHARACTER = {"id": "Line ID", "speaker": "Character", "text": "English"}
LINES = [("Mara", "Hello, you."), ("Bob", "Yes; no.")]

FILES = {
    "commas": 'speaker,text\nMara,"Hello, you."\nBob,Yes; no.\n',
    "semicolons": 'speaker;text\nMara;Hello, you.\nBob;"Yes; no."\n',
    "tabs": "speaker\ttext\nMara\tHello, you.\nBob\tYes; no.\n",
    "Excel's byte order mark": '\ufeffspeaker;text\nMara;Hello, you.\nBob;"Yes; no."\n',
    "Excel's separator line": "sep=|\nspeaker|text\nMara|Hello, you.\nBob|Yes; no.\n",
    "headers in another case and order": ' Text ,,SPEAKER\n"Hello, you.",x,Mara\nYes; no.,,Bob\n',
    "a header with a comma, and semicolons": 'a,b;speaker;text\n1;Mara;Hello, you.\n2;Bob;"Yes; no."\n',
    "Windows line ends": 'speaker,text\r\nMara,"Hello, you."\r\nBob,Yes; no.\r\n',
    "old Mac line ends": 'speaker,text\rMara,"Hello, you."\rBob,Yes; no.\r',
    "blank rows": '\n\nspeaker,text\n,\nMara,"Hello, you."\n\n , \nBob,Yes; no.\n\n',
    "rows padded and cut short": 'speaker,text,id,\nMara,"Hello, you.",,,,\nBob,Yes; no.\n',
    "cells of several lines": 'speaker,text\nMara,"Hello,\nyou."\nBob,"Yes;\r\n\r\nno."\n',
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_tables_of_all_programs_are_read(content: str) -> None:
    """Whatever their delimiters, quotes and line ends."""
    assert LINES == said(good("lines.csv", content))
    assert LINES == said(good("lines.TSV", content))


def test_every_column_is_read() -> None:
    """Rows are counted as a spreadsheet counts them: from the header, and a cell's lines are one row."""
    content = (
        "id,speaker,text,language,start,end,note\n"
        'a-1,Mara,"Hello,\nyou.",pt-BR,12.5,"00:00:14,250",x\n'
        "a-2,Bob,Yes.,,1:02:03.5,,\n"
    )
    assert (
        ScriptLine("lines.csv row 2", "Hello, you.", "Mara", "a-1", "pt-BR", 12.5, 14.25),
        ScriptLine("lines.csv row 3", "Yes.", "Bob", "a-2", "", 3723.5),
    ) == good("lines.csv", content)


def test_columns_are_named_by_the_job() -> None:
    """Studios have headers of their own; other columns are ignored, also one named text."""
    content = "Line ID,Character,English,German,text\n7,Mara,Hello.,Hallo.,x\n"
    (line,) = good("lines.csv", content, columns=CHARACTER)
    assert ("7", "Mara", "Hello.") == (line.id, line.speaker, line.text)


def test_european_decimals_are_seconds() -> None:
    """Where the semicolon is the delimiter, the comma is in the numbers."""
    (line,) = good("lines.csv", "text;start;end\nHello.;1,5;2,25\n")
    assert (1.5, 2.25) == (line.start, line.end)


def test_sounds_and_songs_are_skipped() -> None:
    """As in subtitles, unless the job's settings say otherwise; "NAME:" is text here."""
    content = "text\n[door slams]\n(sighs) MARA: Well.\n♪ La ♪\n"
    assert ["<[door slams]>", "MARA: Well.", "<♪ La ♪>"] == texts(good("lines.csv", content))
    assert ["[door slams]", "(sighs) MARA: Well.", "♪ La ♪"] == texts(good("lines.csv", content, skip=()))


def test_rows_without_text_are_left_out_and_reported_together() -> None:
    """What is not translated yet."""
    script = read("lines.csv", "id,text\n1,One.\n2,\n3, \n4,Four.\n")
    assert ["One.", "Four."] == texts(script.lines)
    assert ["lines.csv: left out, because there is no text: row 3, row 4"] == warnings_of(script)


def test_one_id_may_stand_once_for_each_speaker() -> None:
    """Clips have a folder for each speaker."""
    assert ["1", "1"] == [line.id for line in good("a.csv", "id,speaker,text\n1,Mara,One.\n1,Bob,Two.\n")]


FAULTS = {
    "no text column": (
        "Line ID,Character,English\n1,Mara,Hello.\n",
        [
            (
                'a.csv row 1: has no column "text", but "Line ID", "Character", "English"; '
                'say which it is: [script] columns = { text = "…" }'
            )
        ],
    ),
    "no header": (
        "\n\n",
        [
            (
                'a.csv row 1: has no column "text", but no header; '
                'say which it is: [script] columns = { text = "…" }'
            ),
        ],
    ),
    "a column twice": ("text,Text\na,b\n", ['a.csv row 1: has several columns "text"; rename all but one']),
    "ragged rows": (
        "id,text,speaker\n1,Hello, you.,Mara\n2\n3,Fine.\n",
        [
            'a.csv row 2: has 4 cells, and the header 3; put a text with a delimiter in quotes ("a, b")',
            'a.csv row 3: has 1 cell, and the header 3; put a text with a delimiter in quotes ("a, b")',
        ],
    ),
    "formulas": (
        "text\n=CONCAT(A1)\n=A1&B1\n#REF!\n=cmd|' /C calc'!A0\n= is a sign\n",
        [
            'a.csv row 2: "=CONCAT(A1)" is a formula; export the values',
            'a.csv row 3: "=A1&B1" is a formula; export the values',
            'a.csv row 4: "#REF!" is a formula; export the values',
            "a.csv row 5: \"=cmd|' /C calc'!A0\" is a formula; export the values",
        ],
    ),
    "times": (
        "text,start,end\na,soon,2\nb,3,2.5\nc,-1,01:00:00:12\n",
        [
            'a.csv row 2: "soon" is not a time; write seconds (12.5) or 00:00:12,500',
            "a.csv row 3: ends at 2.5 s, which is not after its start at 3 s",
            'a.csv row 4: "-1" is not a time; write seconds (12.5) or 00:00:12,500',
            'a.csv row 4: "01:00:00:12" is not a time; write seconds (12.5) or 00:00:12,500',
        ],
    ),
    "languages": (
        "text,language\na,English please\n",
        ['a.csv row 2: "English please" is not a language; write a tag such as "en" or "pt-BR"'],
    ),
    "an open quote": (
        'text,id\na,1\n"b,2\nc,3\n',
        ['a.csv row 3: has a quote (") that is never closed; it takes in the rest of the file'],
    ),
    "an open quote before much text": (
        'text\n"' + "a\n" * 100_000,
        [
            (
                "a.csv row 2: cannot be read (field larger than field limit (131072)); "
                'is a quote (") in it not closed?'
            )
        ],
    ),
    "NUL bytes": (
        b"text\nab\0c\n",
        [
            (
                "a.csv:2: holds NUL bytes: it is not a text, or it is UTF-16; "
                'then set [script] encoding = "utf-16-le"'
            )
        ],
    ),
    "a workbook": (
        b"PK\3\4\x14\0\x06\0",
        ["a.csv: is a ZIP archive (such as an Excel or Word file), not text; export it as text"],
    ),
}


@pytest.mark.parametrize(("content", "faults"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_wrong_is_reported_with_its_row(content: str | bytes, faults: list[str]) -> None:
    """All of it at once."""
    assert faults == faults_of(read("a.csv", content))


def test_a_column_that_the_job_names_must_be_there() -> None:
    """An id column that is misspelt would give other file names."""
    faults = faults_of(read("a.csv", "Line,English\n1,Hello.\n", columns=CHARACTER))
    has = 'but "Line", "English"; say which it is: [script] columns = {'
    assert [
        f'a.csv row 1: has no column "Line ID", {has} id = "…" }}',
        f'a.csv row 1: has no column "Character", {has} speaker = "…" }}',
    ] == faults
