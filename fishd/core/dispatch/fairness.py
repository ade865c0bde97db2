"""Whose turn it is: priority first, then a fair share between the jobs that are open.

A few jobs at a time are open; turns go round among them, so that a small job behind a big one ends early,
while a hundred jobs dropped at once still come out one after the other. Every operation is constant in
the number of jobs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fishd.core.dispatch.job_state import JobRecord

OPEN_JOBS = 8


@dataclass(slots=True)
class _Round:
    """The jobs of one priority: those whose turn goes round, and those behind them."""

    open: deque[JobRecord] = field(default_factory=deque[JobRecord])
    queued: deque[JobRecord] = field(default_factory=deque[JobRecord])


class FairQueue:
    """The jobs that have something to be handed out; `has_more` says whether a job still has."""

    def __init__(self, has_more: Callable[[JobRecord], bool], open_jobs: int = OPEN_JOBS) -> None:
        self._has_more = has_more
        self._open_jobs = open_jobs
        # The mutable state: the rounds by priority, and the serials of the jobs in them.
        self._rounds: dict[int, _Round] = {}
        self._serials: set[int] = set()

    def add(self, job: JobRecord, *, again: bool = False) -> None:
        """A job has something to be handed out; one that has it `again` is not put behind the others."""
        if job.serial in self._serials:
            return
        self._serials.add(job.serial)
        behind = self._rounds.setdefault(job.priority, _Round()).queued
        if again:
            behind.appendleft(job)
        else:
            behind.append(job)

    def in_order(self) -> Iterator[JobRecord]:
        """The jobs in the order in which they should be asked."""
        for priority in sorted(self._rounds, reverse=True):
            turn = self._rounds[priority]
            self._refresh(turn)
            if not turn.open:
                del self._rounds[priority]
            yield from tuple(turn.open)

    def rotate(self, job: JobRecord) -> None:
        """The job had its turn: the others come first now."""
        turn = self._rounds[job.priority].open
        turn.remove(job)
        if self._has_more(job):
            turn.append(job)
        else:
            self._serials.discard(job.serial)

    def _refresh(self, turn: _Round) -> None:
        """Jobs with nothing more make room for those behind."""
        for job in tuple(turn.open):
            if not self._has_more(job):
                turn.open.remove(job)
                self._serials.discard(job.serial)
        while turn.queued and len(turn.open) < self._open_jobs:
            job = turn.queued.popleft()
            if self._has_more(job):
                turn.open.append(job)
            else:
                self._serials.discard(job.serial)
