"""timing.csv, as a spreadsheet or a program reads it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.delivery.fitting import plan_timeline
from fishd.core.delivery.settings import DeliverySettings
from fishd.core.delivery.timeline import Caption, Line, Placement, Timeline
from fishd.core.delivery.timing import COLUMNS, to_timing_csv

FIRST = Placement(0, 0, 1000, 1000, None, None, 0)


def text_of(*captions: Caption) -> str:
    return to_timing_csv(Timeline(1000, (FIRST,) * len(captions), 1000), captions)


def test_each_line_has_its_wanted_times_its_own_and_what_was_done() -> None:
    """Fixed decimals, rows in script order, lines ended as RFC 4180 has it."""
    lines = [
        Line(0, 120_000, 24_000, 0.0, 2.0),
        Line(0, 24_000, 24_000, 2.0, 5.0),
        Line(1, 0, 24_000, 6.0, 7.0),
        Line(1, 24_000, 24_000),
    ]
    captions = [
        Caption("a1", "Anna", "A long one, too long"),
        Caption("a2", "Anna", 'Said "late"'),
        Caption("b1", "Ben", "failed"),
        Caption("b2", "Ben", "untimed"),
    ]

    text = to_timing_csv(plan_timeline(lines, 48_000, DeliverySettings()), captions)

    assert (
        "line,id,speaker,wanted_start_s,wanted_end_s,start_s,end_s,speed,shift_s,overrun_s,text\r\n"
        '1,a1,Anna,0.000,2.000,0.000,4.000,1.250,0.000,1.500,"A long one, too long"\r\n'
        '2,a2,Anna,2.000,5.000,4.000,5.000,1.000,2.000,0.000,"Said ""late"""\r\n'
        "3,b1,Ben,6.000,7.000,,,,,,failed\r\n"
        "4,b2,Ben,,,6.350,7.350,1.000,,0.000,untimed\r\n"
    ) == text


def test_an_early_line_has_a_negative_shift() -> None:
    """A number, not a text with a quote before it."""
    placement = Placement(0, 4600, 2400, 3000, 5000, 7000, 0)

    row = to_timing_csv(Timeline(1000, (placement,), 7000), [Caption("1", "Anna", "x")]).splitlines()[1]

    assert "1,1,Anna,5.000,7.000,4.600,7.000,1.250,-0.400,0.000,x" == row


def test_a_shift_of_less_than_half_a_millisecond_is_plain_zero() -> None:
    """Not "-0.000"."""
    placement = Placement(0, 479, 480, 480, 480, None, 0)

    row = to_timing_csv(Timeline(48_000, (placement,), 959), [Caption("1", "Anna", "x")]).splitlines()[1]

    assert "0.000" == row.split(",")[8]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\tx", "\rx", '=HYPERLINK("http://x")'])
def test_a_text_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    """In every column that the script fills."""
    (row,) = csv.DictReader(io.StringIO(text_of(Caption(text, text, text)), newline=""))

    assert [f"'{text}"] * 3 == [row["id"], row["speaker"], row["text"]]


@given(st.lists(st.builds(Caption, st.text(), st.text(), st.text()), max_size=5))
def test_every_text_is_read_back_as_it_was(captions: list[Caption]) -> None:
    """With quotes, commas and line breaks; a quote before a formula is all that is added."""
    rows = list(csv.reader(io.StringIO(text_of(*captions), newline="")))

    assert list(COLUMNS) == rows[0]
    assert [(c.id, c.speaker, c.text) for c in captions] == [
        tuple(
            cell[1:] if cell[:2] in ("'=", "'+", "'-", "'@", "'\t", "'\r") else cell
            for cell in (r[1], r[2], r[10])
        )
        for r in rows[1:]
    ]


def test_a_name_that_is_not_unicode_can_be_written() -> None:
    """A folder's name may hold a byte that is not UTF-8."""
    assert r"b\xff" in text_of(Caption("1", "b\udcff", "x")).encode().decode()
