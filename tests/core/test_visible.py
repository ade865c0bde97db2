"""Text from strangers, made safe to show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fishd.core.text.printable import cropped, encodable, to_printable

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "text", ["", "Alice", "Émile", "線の先生", "👩‍👩‍👧", "नमस्ते", "שלום", "می‌خواهم", "a\u3000b"]
)
def test_honest_text_is_left_as_it_is(text: str) -> None:
    """Every script, and emoji made of several."""
    assert to_printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x00\x07\x7f\x9b", r"\x00\x07\x7f\x9b"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\u2028\u200b\ufeff", r"\u2028\u200b\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("b\udcff", r"b\xff"),
        ("\ud83d", r"\ud83d"),
        ("a\u00a0b", "a b"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    """As Python would write it."""
    assert to_printable(text) == shown


def test_heaps_of_marks_are_cut_down() -> None:
    """No letter towers over the lines above it."""
    assert to_printable("a" + "\u0301" * 100) == "a" + "\u0301" * 4


@given(ANY_TEXT)
def test_nothing_that_moves_or_hides_is_left(text: str) -> None:
    """Whatever comes in, one line of harmless, encodable text comes out."""
    shown = to_printable(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert {unicodedata.category(char) for char in shown if char not in "\u200c\u200d"}.isdisjoint(
        {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )


@given(ANY_TEXT, st.integers(1, 40))
def test_cropped_text_fits(text: str, cells: int) -> None:
    """In terminal cells, not characters."""
    assert cell_len(cropped(text, cells)) <= cells


def test_a_cut_is_marked() -> None:
    """Nobody takes the piece for the whole."""
    assert cropped("x" * 255, 8) == "xxxxxxx…"
    assert cropped("線の先生と仲間", 8) == "線の先…"


def test_what_fits_is_not_cut() -> None:
    """To the last cell."""
    assert cropped("線の先生", 8) == "線の先生"


@given(ANY_TEXT)
def test_encodable_text_encodes(text: str) -> None:
    """And is unchanged where it already was."""
    encoded = encodable(text)
    encoded.encode()
    if not any(unicodedata.category(char) == "Cs" for char in text):
        assert encoded == text
