"""The daemon's status as text: all of it for `fishd status`, one line for `fishd run`, one for systemd."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from fishd.core.model.status import JobSnapshot, Status
from fishd.core.text.humanize import clock, count, duration, time_left
from fishd.view import layout as lay
from fishd.view.crop import cropped
from fishd.view.status.status_tables import gpus, jobs, last_errors, workers

_HEADLINES = {
    "starting": ("● starting", lay.ODD),
    "running": ("● running", Style(color="green", bold=True)),
    "draining": ("● stopping", lay.ODD),
    "stopped": ("○ stopped", lay.DIM),
}
_STATES = {"draining": "stopping"}  # where the name differs from status.json's
_MOST_BAR_CELLS = 24


def status_line(status: Status) -> str:
    """For systemd's STATUS: `2 jobs, 31/46 segments, 4 workers, 00:12 left`."""
    parts = [] if status.state == "running" else [_STATES.get(status.state, status.state)]
    if status.jobs:
        parts.append(count(len(status.jobs), "job"))
        parts.append(f"{_ended(status.jobs):,}/{_total(status.jobs):,} segments")
    elif not parts:
        parts.append("idle")
    parts.append(count(len(status.workers), "worker"))
    eta_s = _eta_s(status.jobs)
    if eta_s is not None:
        parts.append(f"{clock(eta_s)} left")
    return ", ".join(parts)


def live_line(status: Status) -> RenderableType:
    """One line for the bottom of a terminal, cut to the terminal's width."""
    return _LiveLine(status)


def full_status(status: Status, trouble: str | None = None) -> RenderableType:
    """Everything, for `fishd status`. `trouble` is why no daemon serves this spool now."""
    return _FullStatus(status, trouble)


class _LiveLine:
    def __init__(self, status: Status) -> None:
        self._status = status

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        before, after = _live_parts(self._status)
        line = Text(" ").append_text(before)
        room = options.max_width - before.cell_len - after.cell_len - 4
        if self._status.jobs and room >= 4:
            share = _ended(self._status.jobs) / max(_total(self._status.jobs), 1)
            bar = lay.bar(share, min(room, _MOST_BAR_CELLS))
            line.append(" ").append(bar.text, bar.style).append(bar.tail, lay.DIM)
        line.append_text(after)
        line.truncate(options.max_width, overflow="ellipsis")
        yield line


class _FullStatus:
    def __init__(self, status: Status, trouble: str | None) -> None:
        self._status = status
        self._trouble = trouble

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        status = self._status
        yield from _headline(status, self._trouble)
        if self._trouble:
            yield from lay.hanging(lay.Cell("!", lay.ODD), Text(self._trouble), console)
        yield from jobs(status)
        if not self._trouble:
            yield from workers(status, console)
            yield from gpus(status)
        yield from last_errors(status, console)


def _headline(status: Status, trouble: str | None) -> Iterator[Segment]:
    state, style = ("○ not running", lay.BAD) if trouble else _HEADLINES.get(status.state, ("●", lay.PLAIN))
    yield Segment(" " + state, style)
    yield Segment(f"  fishd {cropped(status.version, 20)}, {cropped(status.engine, 20)} engine", lay.PLAIN)
    yield Segment("\n" if trouble else f", {_since(status)}process {status.pid}\n", lay.DIM)
    yield Segment(f"   {cropped(status.spool, lay.WIDTH - 4)}\n", lay.DIM)
    done = f"{count(status.jobs_done, 'job')} and {count(status.segments_done, 'segment')} done"
    yield Segment(f"   {done}, {duration(status.audio_s)} of speech\n", lay.DIM)


def _live_parts(status: Status) -> tuple[Text, Text]:
    """The text before the bar, and the text after it."""
    dot = (" · ", lay.DIM)
    tally = count(len(status.workers), "worker")
    if status.state == "draining":
        tally = f"{count(sum(worker.in_hand for worker in status.workers), 'take')} to finish"
    if not status.jobs:
        idle = "idle" if status.state == "running" else _STATES.get(status.state, status.state)
        done = f"{count(status.jobs_done, 'job')} done"
        return Text(idle, "bold"), Text.assemble(dot, tally, dot, done, *_waiting(status))
    segments = f"{_ended(status.jobs):,}/{_total(status.jobs):,} segments"
    before = Text.assemble((count(len(status.jobs), "job"), "bold"), dot, segments)
    if status.state == "draining":
        before = Text.assemble(("stopping", lay.ODD), dot, before)
    failed = sum(job.failed for job in status.jobs)
    after = Text.assemble(*((dot, (f"{failed:,} failed", lay.BAD)) if failed else ()), dot, tally)
    eta_s = _eta_s(status.jobs)
    if eta_s is not None:
        after.append(*dot).append(f"{time_left(eta_s)} left", "bold")
    return before, after


def _waiting(status: Status) -> tuple[tuple[str, Style] | str, ...]:
    return ((" · ", lay.DIM), f"{status.waiting} incomplete in the inbox") if status.waiting else ()


def _since(status: Status) -> str:
    try:
        ran_s = (datetime.fromisoformat(status.at) - datetime.fromisoformat(status.started)).total_seconds()
    except (ValueError, TypeError):
        return ""
    return f"up {duration(ran_s)}, "


def _ended(states: tuple[JobSnapshot, ...]) -> int:
    return sum(job.done + job.failed for job in states)


def _total(states: tuple[JobSnapshot, ...]) -> int:
    return sum(job.total for job in states)


def _eta_s(states: tuple[JobSnapshot, ...]) -> float | None:
    return max((job.eta_s for job in states if job.eta_s is not None), default=None)
