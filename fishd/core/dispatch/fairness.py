"""The order among jobs: priority first, then round robin among the open jobs of that priority.

Only a few jobs are open at a time, so that a small job behind a big one ends early, while a hundred jobs
dropped at once still finish one after the other. Every operation is constant in the number of jobs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fishd.core.dispatch.job_state import JobRecord

OPEN_JOBS = 8


@dataclass(slots=True)
class _Round:
    """The jobs of one priority: those that take turns, and those that wait behind them."""

    open: deque[JobRecord] = field(default_factory=deque[JobRecord])
    queued: deque[JobRecord] = field(default_factory=deque[JobRecord])


class FairQueue:
    """The jobs that have work to hand out; `has_more` tells whether a job still has."""

    def __init__(self, has_more: Callable[[JobRecord], bool], open_jobs: int = OPEN_JOBS) -> None:
        self._has_more = has_more
        self._open_jobs = open_jobs
        # The mutable state: the rounds by priority, and the serials of the jobs in them.
        self._rounds: dict[int, _Round] = {}
        self._serials: set[int] = set()

    def add(self, job: JobRecord, *, again: bool = False) -> None:
        """A job has work to hand out; one that has it `again` goes before the jobs that wait."""
        if job.serial in self._serials:
            return
        self._serials.add(job.serial)
        queued = self._rounds.setdefault(job.priority, _Round()).queued
        if again:
            queued.appendleft(job)
        else:
            queued.append(job)

    def in_order(self) -> Iterator[JobRecord]:
        """The open jobs, the next one first."""
        for priority in sorted(self._rounds, reverse=True):
            jobs = self._rounds[priority]
            self._refresh(jobs)
            if not jobs.open:
                del self._rounds[priority]
            yield from tuple(jobs.open)

    def rotate(self, job: JobRecord) -> None:
        """The job had its turn and goes to the end."""
        open_jobs = self._rounds[job.priority].open
        open_jobs.remove(job)
        if self._has_more(job):
            open_jobs.append(job)
        else:
            self._serials.discard(job.serial)

    def _refresh(self, jobs: _Round) -> None:
        """Replace jobs that have no more work by those that wait."""
        for job in tuple(jobs.open):
            if not self._has_more(job):
                jobs.open.remove(job)
                self._serials.discard(job.serial)
        while jobs.queued and len(jobs.open) < self._open_jobs:
            job = jobs.queued.popleft()
            if self._has_more(job):
                jobs.open.append(job)
            else:
                self._serials.discard(job.serial)
