"""Text cut to terminal cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fishd.view.crop import cropped

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT, st.integers(1, 40))
def test_cropped_text_fits(text: str, cells: int) -> None:
    """In terminal cells, not characters."""
    assert cell_len(cropped(text, cells)) <= cells


def test_a_cut_is_marked() -> None:
    """With an ellipsis, which takes the last cell."""
    assert cropped("x" * 255, 8) == "xxxxxxx…"
    assert cropped("線の先生と仲間", 8) == "線の先…"


def test_text_that_fits_is_not_cut() -> None:
    """Not even when it takes every cell."""
    assert cropped("線の先生", 8) == "線の先生"
