"""`fishd doctor`: check everything that a daemon needs; each fault comes with a fix."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from fishd.cli.doctor.checks import check_all
from fishd.cli.findings import FAULT, WARNING, Finding, print_finding
from fishd.cli.output import EXIT_FAILED, EXIT_OK, console, print_message
from fishd.core.text.humanize import count


def doctor(path: Path | None) -> int:
    """Print each finding as soon as it is known; EXIT_FAILED if there is a fault."""
    out = console()
    findings: list[Finding] = []
    for finding in check_all(path, _print_progress):
        findings.append(finding)
        print_finding(out, finding)
    faults, warnings = (sum(finding.mark == mark for finding in findings) for mark in (FAULT, WARNING))
    tally = ", ".join(count(*each) for each in ((faults, "fault"), (warnings, "warning")) if each[0])
    out.print(Text(f"\n{tally or 'No faults'}", style="bold red" if faults else "bold green"))
    return EXIT_FAILED if faults else EXIT_OK


def _print_progress(line: str) -> None:
    if console(stderr=True).is_terminal:
        print_message(line)
