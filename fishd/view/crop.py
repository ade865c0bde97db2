"""Text cut to terminal cells: a Chinese character or an emoji takes two."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from fishd.core.text.printable import to_printable


def cropped(text: str, cells: int) -> str:
    """The text made printable, in at most that many cells; a cut is marked by `…`."""
    if len(text) <= cells and text.isascii() and text.isprintable():
        return text
    shown = to_printable(text[: 8 * cells])
    if len(text) <= 8 * cells and cell_len(shown) <= cells:
        return shown
    return set_cell_size(shown, cells - 1).rstrip() + "…"
