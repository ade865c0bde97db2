"""`fishd doctor`: everything that a daemon needs, looked at one by one, each fault with its mend."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fishd.cli.doctor.findings import Finding
from fishd.cli.output import NOT_ALL_WELL, WELL, console, say
from fishd.core.text.humanize import count
from fishd.core.text.printable import to_printable

_MARKS = {"good": ("✓", "bold green"), "odd": ("!", "bold yellow"), "fault": ("✗", "bold red")}


def doctor(path: Path | None) -> int:
    """Look at everything and print it as it is found; the exit code says whether there is a fault."""
    from fishd.cli.doctor.checks import examine

    out = console()
    found: list[Finding] = []
    for finding in examine(path, say if console(talk=True).is_terminal else _silent):
        found.append(finding)
        _print(finding, out)
    faults, odd = (sum(finding.is_a == kind for finding in found) for kind in ("fault", "odd"))
    if faults:
        out.print(Text(f"\n{count(faults, 'fault')} to mend", style="bold red"))
        return NOT_ALL_WELL
    remarks = f", {count(odd, 'remark')}" if odd else ""
    out.print(Text(f"\nAll is well{remarks}", style="bold green"))
    return WELL


def _print(finding: Finding, out: Console) -> None:
    sign, colour = _MARKS[finding.is_a]
    if not out.is_terminal:
        mend = f" -> {finding.mend}" if finding.mend else ""
        out.print(Text(f"{sign} {finding.name}: {to_printable(finding.detail)}{mend}"), soft_wrap=True)
        return
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=1)
    row.add_column(width=14)
    row.add_column(overflow="fold")
    row.add_row(
        Text(sign, style=colour), Text(finding.name, style="bold"), Text(to_printable(finding.detail))
    )
    if finding.mend:
        row.add_row("", "", Text(f"→ {to_printable(finding.mend)}", style="cyan"))
    out.print(row)


def _silent(_line: str) -> None:
    """A pipe wants no talk of what is being looked at."""
