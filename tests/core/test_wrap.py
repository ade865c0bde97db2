"""Wrapping text to terminal cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fishd.view.wrap import isolated, wrapped

_WORDS = st.lists(st.text(st.characters(categories=("L", "N", "P", "M")), max_size=30), max_size=20)


def test_text_is_broken_at_spaces() -> None:
    """Never behind the last cell."""
    assert ["one two", "three"] == list(wrapped("one two three", 8))
    assert ["one two", "three"] == list(wrapped("one two three", 7))


def test_a_word_that_is_too_long_is_broken_inside() -> None:
    """What is left of it shares its line with the next word."""
    assert ["a", "12345", "67 b"] == list(wrapped("a 1234567 b", 5))


def test_wide_characters_count_two_cells() -> None:
    """Chinese and Japanese texts have no spaces to break at."""
    assert ["線の先", "生と仲", "間"] == list(wrapped("線の先生と仲間", 7))


def test_an_empty_text_is_one_empty_line() -> None:
    """So that its row is printed."""
    assert [""] == list(wrapped("", 10))


@given(_WORDS, st.integers(2, 60))
def test_no_line_is_too_wide_and_no_character_is_lost(words: list[str], cells: int) -> None:
    """In any script."""
    text = " ".join(words)
    lines = list(wrapped(text, cells))

    assert all(cell_len(line) <= cells for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_right_to_left_text_stays_behind_what_precedes_it() -> None:
    """An invisible mark keeps two such texts of one row apart; other texts have none."""
    assert ("\u200eשלום", "\u200eمرحبا") == (isolated("שלום"), isolated("مرحبا"))
    assert ("hello", "线", "é") == tuple(map(isolated, ("hello", "线", "é")))
