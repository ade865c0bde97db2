"""Whose turn it is: priority first, then a fair share between the jobs that are open.

A few jobs at a time are open; takes go round among them, so that a small job behind a big one ends early,
while a hundred jobs dropped at once still come out one after the other. Every operation is constant in
the number of jobs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from fishd.core.jobbook import JobBook

OPEN_JOBS = 8


class FairQueue:
    """The jobs that have segments waiting, by priority."""

    def __init__(self, open_jobs: int = OPEN_JOBS) -> None:
        self._open_jobs = open_jobs
        # The mutable state: per priority, the jobs whose turn goes round, and those behind them.
        self._open: dict[int, deque[JobBook]] = {}
        self._behind: dict[int, deque[JobBook]] = {}
        self._serials: set[int] = set()

    def add(self, job: JobBook) -> None:
        """A job has segments waiting (again)."""
        if job.serial in self._serials:
            return
        self._serials.add(job.serial)
        self._behind.setdefault(job.priority, deque()).append(job)

    def turns(self) -> Iterator[JobBook]:
        """The jobs in the order in which they should be asked for a take."""
        for priority in sorted(self._open.keys() | self._behind.keys(), reverse=True):
            turn = self._open.setdefault(priority, deque())
            behind = self._behind.get(priority, deque[JobBook]())
            while True:
                self._drop_while(turn, lambda job: not job.speakable)
                while behind and len(turn) < self._open_jobs:
                    turn.append(behind.popleft())
                if not turn or turn[0].speakable:
                    break
            if not turn:
                self._open.pop(priority, None)
                self._behind.pop(priority, None)
            yield from tuple(turn)

    def served(self, job: JobBook) -> None:
        """The job got a take: the others come first now."""
        turn = self._open[job.priority]
        turn.remove(job)
        if job.speakable:
            turn.append(job)
        else:
            self._serials.discard(job.serial)

    def _drop_while(self, turn: deque[JobBook], ended: Callable[[JobBook], bool]) -> None:
        while turn and ended(turn[0]):
            self._serials.discard(turn.popleft().serial)
