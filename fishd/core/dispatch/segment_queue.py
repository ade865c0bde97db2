"""The waiting segments of one job, and which of them is next.

A segment that must run alone goes first, and only to a worker that holds nothing. Then one of a speaker whose
voice the worker has enrolled, else of the speaker with the most left; the longest text first. The cost of a
choice does not grow with the number of segments.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush, heapreplace

from fishd.core.model.job import Job


class SegmentQueue:
    """Places (speaker, segment) in a job."""

    def __init__(
        self, job: Job, places: Iterable[tuple[int, int]], alone: Iterable[tuple[int, int]] = ()
    ) -> None:
        """`alone` are further places, of segments that must run alone."""
        self._job = job
        # The mutable state: by speaker (text length, -segment), the last one being the next; those that
        # must run alone; the number of all; a heap of (-segments left, speaker), whose stale entries are
        # corrected when they reach the top; and by voice the speakers who have segments left.
        self._lines: list[list[tuple[int, int]]] = [[] for _ in job.speakers]
        self._alone = deque(alone)
        self._count = len(self._alone)
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
        """Does a segment wait that must run alone?"""
        return bool(self._alone)

    def peek(self, voices: set[str], *, idle: bool) -> tuple[int, int] | None:
        """A worker's next place; `voices` are those it has enrolled, `idle`: it holds no take."""
        if self._alone and idle:
            return self._alone[0]
        s = self._known_speaker(voices)
        if s is None:
            s = self._fullest_speaker()
        return None if s is None else (s, -self._lines[s][-1][1])

    def pop(self, s: int, n: int) -> bool:
        """Remove the place that `peek` gave; whether it must run alone."""
        self._count -= 1
        if self._alone and self._alone[0] == (s, n):
            self._alone.popleft()
            return True
        assert -self._lines[s][-1][1] == n, f"({s}, {n}) is not the next"
        self._lines[s].pop()
        if not self._lines[s]:
            self._drop_speaker(s)
        return False

    def put_back(self, s: int, n: int, *, alone: bool) -> None:
        self._count += 1
        if alone:
            self._alone.append((s, n))
            return
        insort(self._lines[s], (self._length(s, n), -n))
        heappush(self._by_left, (-len(self._lines[s]), s))
        self._speakers_of.setdefault(self._job.speakers[s].voice_key, set()).add(s)

    def _drop_speaker(self, s: int) -> None:
        """The speaker has no segments left."""
        voice = self._job.speakers[s].voice_key
        self._speakers_of[voice].discard(s)
        if not self._speakers_of[voice]:
            del self._speakers_of[voice]

    def _length(self, s: int, n: int) -> int:
        return len(self._job.speakers[s].segments[n].speech)

    def _known_speaker(self, voices: set[str]) -> int | None:
        """Of the speakers whose voices are enrolled, the one with the most left."""
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
