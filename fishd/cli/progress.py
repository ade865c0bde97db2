"""Waiting for jobs: their way from inbox to outbox as bars on a terminal, as lines elsewhere.

The folder that a job stands in is its state; status.json only tells how far it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from fishd.cli.locate import status_of, why_silent
from fishd.cli.output import NOT_ALL_WELL, CommandError, console, say
from fishd.core.model.result import JobSnapshot, Status
from fishd.core.text.humanize import left
from fishd.core.text.printable import cropped, to_printable
from fishd.spool.archive.endings import bundle_in

LOOK_EVERY_S = 0.2
SAY_EVERY_S = 10.0
_GONE_AFTER_S = 2.0


class JobProgress(Protocol):
    """Shows how far each job is."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def update(self, name: str, job: JobSnapshot | None, words: str) -> None: ...
    def done(self, name: str) -> None: ...


def published(names: Sequence[str], root: Path) -> Iterator[str]:
    """Each name when its result stands in the outbox. Raises CommandError for a job that vanished."""
    out = console(talk=True)
    shown: JobProgress = (
        ProgressBars(out) if out.is_terminal and not out.is_dumb_terminal else ProgressLines()
    )
    waiting = list(names)
    seen_at = dict.fromkeys(names, time.monotonic())
    over: list[str] = []
    with shown:
        while waiting:
            status = status_of(root)
            for name in tuple(waiting):
                place = _place(root, name)
                if place == "outbox":
                    shown.done(name)
                    waiting.remove(name)
                    over.append(name)
                elif place:
                    seen_at[name] = time.monotonic()
                    shown.update(name, *_progress(root, status, name, place))
                elif time.monotonic() - seen_at[name] > _GONE_AFTER_S:
                    what = "is neither in the inbox nor in work any more; somebody took it away"
                    raise CommandError(f"{to_printable(name)}: {what}", NOT_ALL_WELL)
            if waiting:
                time.sleep(LOOK_EVERY_S)
    yield from over


def _place(root: Path, name: str) -> str:
    """In the order of a job's way, so that one that moves meanwhile is met in the next."""
    if bundle_in(root / "inbox", name):
        return "inbox"
    return next((place for place in ("work", "outbox") if os.path.lexists(root / place / name)), "")


def _progress(root: Path, status: Status | None, name: str, place: str) -> tuple[JobSnapshot | None, str]:
    if trouble := why_silent(root, status):
        return None, "waits: " + trouble.split(";")[0]
    job = next((job for job in status.jobs if job.name == name), None) if status else None
    if job is None:
        return None, "in the inbox" if place == "inbox" else "in work"
    return job, job.state


class ProgressBars:
    """A bar a job, on a terminal."""

    def __init__(self, out: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}", markup=False, style="dim"),
            console=out,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, name: str, job: JobSnapshot | None, words: str) -> None:
        if job is None:
            self._progress.update(self._task(name), words=cropped(words, 40))
            return
        said = words if job.eta_s is None else f"{left(job.eta_s)} left"
        if job.failed:
            said += f", {job.failed:,} failed"
        self._progress.update(self._task(name), completed=job.done + job.failed, total=job.total, words=said)

    def done(self, name: str) -> None:
        task = self._progress.tasks[self._task(name)]
        self._progress.update(task.id, completed=task.total or 1, total=task.total or 1, words="published")

    def _task(self, name: str) -> TaskID:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(cropped(name, 24), total=None, words="")
        return self._tasks[name]


class ProgressLines:
    """A line when something changes, and now and then how far it is; for logs and pipes."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, name: str, job: JobSnapshot | None, words: str) -> None:
        before, at = self._said.get(name, ("", 0.0))
        if words == before and (job is None or time.monotonic() - at < SAY_EVERY_S):
            return
        self._said[name] = words, time.monotonic()
        if job is not None:
            words += f", {job.done + job.failed:,}/{job.total:,} segments"
            words += f", {left(job.eta_s)} left" if job.eta_s is not None else ""
        say(f"{to_printable(name)}: {words}")

    def done(self, name: str) -> None:
        say(f"{to_printable(name)}: published")
