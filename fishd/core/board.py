"""The daemon's state, drawn: the whole of it for `fishd status`, one line for `fishd run`, and systemd's."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from fishd.core.result import JobState, Status
from fishd.core.words import clock, count


def status_line(status: Status) -> str:
    """For systemd's STATUS: `2 jobs, 31/46 segments, 4 workers, 00:12 left`."""
    said = [count(len(status.jobs), "job")]
    if status.jobs:
        said.append(f"{_spoken(status.jobs):,}/{_total(status.jobs):,} segments")
    said.append(count(len(status.workers), "worker"))
    eta = _eta_s(status.jobs)
    if eta is not None:
        said.append(f"{clock(eta)} left")
    return ", ".join(said)


def live_line(status: Status) -> RenderableType:
    """One line for the bottom of a terminal."""
    return Text(status_line(status))


def full(status: Status, trouble: str | None = None) -> RenderableType:
    """Everything, for `fishd status`. `trouble` is why no daemon serves this spool now."""
    return Text(trouble or status_line(status))


def _spoken(jobs: tuple[JobState, ...]) -> int:
    return sum(job.done + job.failed for job in jobs)


def _total(jobs: tuple[JobState, ...]) -> int:
    return sum(job.total for job in jobs)


def _eta_s(jobs: tuple[JobState, ...]) -> float | None:
    known = [job.eta_s for job in jobs if job.eta_s is not None]
    return max(known) if known else None
