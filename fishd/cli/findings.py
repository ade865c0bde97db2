"""What `check` and `doctor` find, as lines with a mark in the margin."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from fishd.core.text.printable import to_printable

LABEL_CELLS = 14


@dataclass(frozen=True, slots=True)
class Mark:
    sign: str
    style: str


OK = Mark("✓", "bold green")
WARNING = Mark("!", "bold yellow")
FAULT = Mark("✗", "bold red")
NOTE = Mark(" ", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """`label` names what was checked, `fix` says what to do about it; both may be empty."""

    mark: Mark
    text: str
    label: str = ""
    fix: str = ""


def print_finding(out: Console, finding: Finding, *, indent: int = 0, style: str = "") -> None:
    """One line in a pipe; on a terminal wrapped with a hanging indent, labels and fixes aligned."""
    text, fix = to_printable(finding.text), to_printable(finding.fix)
    label, margin = finding.label, f"{' ' * indent}{finding.mark.sign} "
    if not out.is_terminal:
        line = f"{margin}{label}{': ' if label else ''}{text}{' -> ' if fix else ''}{fix}"
        out.print(Text(line), soft_wrap=True)
        return
    head = Text(margin, finding.mark.style)
    if label:
        head.append(f"{label:<{LABEL_CELLS}} ", "bold")
    _print_hanging(out, head, Text(text, style))
    if fix:
        _print_hanging(out, Text(" " * head.cell_len), Text(f"→ {fix}", "cyan"))


def _print_hanging(out: Console, head: Text, text: Text) -> None:
    """The text behind `head`, its further lines indented as deep."""
    for line in text.wrap(out, max(out.width - head.cell_len, 20), overflow="fold"):
        line.rstrip()
        out.print(Text.assemble(head, line), soft_wrap=True)
        head = Text(" " * head.cell_len)
