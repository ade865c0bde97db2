"""Waiting until jobs are published, with their progress: bars on a terminal, lines elsewhere.

The folder that a job is in is its state; status.json only tells how far it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from fishd.cli.locate import last_status, why_no_daemon
from fishd.cli.output import EXIT_FAILED, CommandError, console, print_message
from fishd.core.model.status import JobSnapshot, Status
from fishd.core.text.humanize import time_left
from fishd.core.text.printable import to_printable
from fishd.spool.endings import bundle_in
from fishd.view.crop import cropped

POLL_S = 0.2
REPORT_EVERY_S = 10.0
_GONE_AFTER_S = 2.0


def wait_until_published(names: Sequence[str], root: Path) -> None:
    """Return when every job's result is in the outbox. Raises CommandError for a job that disappears."""
    waiting = list(names)
    seen_at = dict.fromkeys(names, time.monotonic())
    with _display() as display:
        while waiting:
            status = last_status(root)
            for name in tuple(waiting):
                folder = _folder_of(name, root)
                if folder == "outbox":
                    display.finish(name)
                    waiting.remove(name)
                elif folder:
                    seen_at[name] = time.monotonic()
                    display.update(name, *_state(name, folder, root, status))
                elif time.monotonic() - seen_at[name] > _GONE_AFTER_S:
                    fault = "is no longer in the inbox or in work; something removed it"
                    raise CommandError(f"{to_printable(name)}: {fault}", EXIT_FAILED)
            if waiting:
                time.sleep(POLL_S)


def _folder_of(name: str, root: Path) -> str:
    """The folder that holds the job, or ""; in the order in which a job moves, so as not to miss it."""
    if bundle_in(root / "inbox", name):
        return "inbox"
    return next((folder for folder in ("work", "outbox") if os.path.lexists(root / folder / name)), "")


def _state(name: str, folder: str, root: Path, status: Status | None) -> tuple[JobSnapshot | None, str]:
    """How far the job is, if that is known, and its state in words."""
    if trouble := why_no_daemon(root, status):
        return None, f"waiting: {trouble.split(';')[0]}"
    job = next((job for job in status.jobs if job.name == name), None) if status else None
    if job is None:
        return None, "in the inbox" if folder == "inbox" else "in work"
    return job, job.state


@contextmanager
def _display() -> Generator[ProgressBars | ProgressLines]:
    out = console(stderr=True)
    if not out.is_terminal or out.is_dumb_terminal:
        yield ProgressLines()
        return
    with Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}", markup=False, style="dim"),
        console=out,
        transient=True,
    ) as progress:
        yield ProgressBars(progress)


class ProgressBars:
    """One bar for each job, for a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def update(self, name: str, job: JobSnapshot | None, state: str) -> None:
        if job is None:
            self._set(name, state=cropped(state, 40))
            return
        ended = job.done + job.failed
        shown = state if job.eta_s is None else f"{time_left(job.eta_s)} left"
        if job.failed:
            shown += f", {job.failed:,} failed"
        self._set(name, completed=ended, total=job.total, count=f"{ended:,}/{job.total:,}", state=shown)

    def finish(self, name: str) -> None:
        self._set(name, completed=1, total=1, count="", state="published")

    def _set(self, name: str, **columns: Any) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(cropped(name, 24), total=None, count="", state="")
        self._progress.update(self._tasks[name], **columns)


class ProgressLines:
    """A line when a state changes, and every few seconds while segments are spoken; for logs and pipes."""

    def __init__(self) -> None:
        self._printed: dict[str, tuple[str, float]] = {}

    def update(self, name: str, job: JobSnapshot | None, state: str) -> None:
        before, printed_at = self._printed.get(name, ("", 0.0))
        if state == before and (job is None or time.monotonic() - printed_at < REPORT_EVERY_S):
            return
        self._printed[name] = state, time.monotonic()
        if job is not None:
            state += f", {job.done + job.failed:,}/{job.total:,} segments"
            state += f", {time_left(job.eta_s)} left" if job.eta_s is not None else ""
        print_message(f"{to_printable(name)}: {state}")

    def finish(self, name: str) -> None:
        print_message(f"{to_printable(name)}: published")
