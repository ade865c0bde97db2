"""Wrapping text of any script to a number of terminal cells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

_LEFT_TO_RIGHT = "\u200e"  # an invisible mark
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


def wrapped(text: str, cells: int) -> Iterator[str]:
    """The text in lines of at most that many cells, broken at spaces, and inside longer words.

    At least one line. Much faster than rich's own wrapping of styled text.
    """
    line, used = "", 0
    for word in text.split(" "):
        width = cell_len(word)
        if line and used + 1 + width <= cells:
            line, used = f"{line} {word}", used + 1 + width
            continue
        if line:
            yield line
        line, used = word, width
        if width > cells:
            *full, line = chop_cells(word, cells)
            yield from full
            used = cell_len(line)
    yield line


def isolated(text: str) -> str:
    """The text, behind a mark that keeps a right-to-left one from changing places with what precedes it."""
    return _LEFT_TO_RIGHT + text if _RIGHT_TO_LEFT.search(text) else text
