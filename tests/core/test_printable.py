"""Untrusted text made safe to show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.text.printable import encodable, to_printable

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "text", ["", "Alice", "Émile", "線の先生", "👩‍👩‍👧", "नमस्ते", "שלום", "می‌خواهم", "a\u3000b"]
)
def test_harmless_text_is_unchanged(text: str) -> None:
    """In every script, and emoji made of several characters."""
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
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    """In Python's notation; no terminal obeys them."""
    assert to_printable(text) == shown


def test_stacked_combining_marks_are_limited() -> None:
    """No letter covers the lines above it."""
    assert to_printable("a" + "\u0301" * 100) == "a" + "\u0301" * 4


@given(ANY_TEXT)
def test_any_text_becomes_one_printable_line(text: str) -> None:
    """It can be encoded, and holds no control or format character."""
    shown = to_printable(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert {unicodedata.category(char) for char in shown if char not in "\u200c\u200d"}.isdisjoint(
        {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )


@given(ANY_TEXT)
def test_encodable_text_can_be_encoded(text: str) -> None:
    """Text that already could is unchanged."""
    encoded = encodable(text)
    encoded.encode()
    if not any(unicodedata.category(char) == "Cs" for char in text):
        assert encoded == text
