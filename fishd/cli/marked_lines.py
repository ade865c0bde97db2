"""Marked lines with a hanging indent: what `check` and `doctor` print. A pipe gets each line unbroken."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fishd.core.text.printable import to_printable

GOOD = ("✓", "bold green")
BAD = ("✗", "bold red")
ODD = ("!", "bold yellow")
NEXT = ("→", "cyan")
NOTE = (" ", "dim")

Mark = tuple[str, str]


def marked(out: Console, mark: Mark, said: str, *, indent: int = 0, style: str = "") -> None:
    """One line, safe to show, with its mark before it."""
    sign, colour = mark
    if not out.is_terminal:
        out.print(Text(f"{' ' * indent}{sign} {to_printable(said)}"), soft_wrap=True)
        return
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=1)
    row.add_column(overflow="fold")
    row.add_row(Text(sign, style=colour), Text(to_printable(said), style=style))
    out.print(Padding(row, (0, 0, 0, indent)))
