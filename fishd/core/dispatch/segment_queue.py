"""The segments of one job that wait, and which of them is next.

A segment that must run alone goes first, and only to a worker that holds nothing. Then one of the speaker
whose voice the worker knows, else of the speaker with the most left; the longest text first. No choice
costs more when the job has more segments.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush, heapreplace

from fishd.core.model.job import Job


class SegmentQueue:
    """Places (speaker, segment) in a job."""

    def __init__(self, job: Job, places: Iterable[tuple[int, int]]) -> None:
        self._job = job
        # The mutable state: by speaker (text length, -segment), the last one being the next; those that
        # must run alone; how many wait in all; a heap of (-segments left, speaker), in which an entry may
        # lag behind and is put right when it comes up; and by voice the speakers who have any left.
        self._lines: list[list[tuple[int, int]]] = [[] for _ in job.speakers]
        self._alone: deque[tuple[int, int]] = deque()
        self._count = 0
        for s, n in places:
            self._lines[s].append((self._length(s, n), -n))
            self._count += 1
        for line in self._lines:
            line.sort()
        self._by_left = [(-len(line), s) for s, line in enumerate(self._lines) if line]
        heapify(self._by_left)
        self._speakers_of: dict[str, set[int]] = {}
        for _, s in self._by_left:
            self._speakers_of.setdefault(job.speakers[s].voice_key, set()).add(s)

    def __len__(self) -> int:
        return self._count

    @property
    def has_alone(self) -> bool:
        """Does a segment wait for a worker to itself?"""
        return bool(self._alone)

    def peek(self, voices: set[str], *, idle: bool) -> tuple[int, int] | None:
        """The place that a worker should take; `voices` are those it knows, `idle`: it holds nothing."""
        if self._alone and idle:
            return self._alone[0]
        s = self._known_speaker(voices)
        if s is None:
            s = self._fullest_speaker()
        return None if s is None else (s, -self._lines[s][-1][1])

    def pop(self, s: int, n: int) -> bool:
        """Take out the place that `next` gave; whether it must run alone."""
        self._count -= 1
        if self._alone and self._alone[0] == (s, n):
            self._alone.popleft()
            return True
        assert -self._lines[s][-1][1] == n, f"({s}, {n}) is not the next"
        self._lines[s].pop()
        if not self._lines[s]:
            self._forget(s)
        return False

    def put_back(self, s: int, n: int, *, alone: bool) -> None:
        self._count += 1
        if alone:
            self._alone.append((s, n))
            return
        insort(self._lines[s], (self._length(s, n), -n))
        heappush(self._by_left, (-len(self._lines[s]), s))
        self._speakers_of.setdefault(self._job.speakers[s].voice_key, set()).add(s)

    def _forget(self, s: int) -> None:
        """The speaker has none left."""
        voice = self._job.speakers[s].voice_key
        self._speakers_of[voice].discard(s)
        if not self._speakers_of[voice]:
            del self._speakers_of[voice]

    def _length(self, s: int, n: int) -> int:
        return len(self._job.speakers[s].segments[n].text)

    def _known_speaker(self, voices: set[str]) -> int | None:
        """Of the speakers whose voices are known, the one with the most left."""
        known = (s for key in self._speakers_of.keys() & voices for s in self._speakers_of[key])
        return max(known, key=lambda s: (len(self._lines[s]), -s), default=None)

    def _fullest_speaker(self) -> int | None:
        while self._by_left:
            said, s = self._by_left[0]
            left = len(self._lines[s])
            if left and left == -said:
                return s
            if left:
                heapreplace(self._by_left, (-left, s))
            else:
                heappop(self._by_left)
        return None
