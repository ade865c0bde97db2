"""The scheduling state of one job: its questions, its segments, and what became of each.

Questions come first: every reference clip must be decoded by a worker, and options and languages be
checked by the engine, before the first take. A job whose reading found faults still asks about its
clips, so that the user is told everything at once.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from fishd.core.events import JobArrived
from fishd.core.job import Clip, Fault, JobStatus, Segment


class SegmentState(StrEnum):
    WAITING = "waiting"
    IN_HAND = "in hand"
    DONE = "done"
    FAILED = "failed"


_W, _H, _D, _F = SegmentState
SEGMENT_MOVES: dict[tuple[SegmentState, str], SegmentState] = {
    (_W, "sent"): _H,
    (_H, "spoken"): _D,
    (_H, "failed"): _F,
    (_H, "again"): _W,
    (_W, "given up"): _F,
    (_W, "recovered"): _D,
}


@dataclass(slots=True)
class SegmentRecord:
    """One segment's progress. `deaths` counts the workers that ended while they spoke it."""

    state: SegmentState = SegmentState.WAITING
    takes: int = 0
    deaths: int = 0
    clip: Clip | None = None
    error: str = ""

    def move(self, step: str) -> None:
        self.state = SEGMENT_MOVES[self.state, step]


@dataclass(slots=True)
class Question:
    """Something a worker must look at before the job may start. `path` is "" for the options."""

    id: str
    where: str
    path: str
    asked: int = 0


@dataclass(slots=True)
class Share:
    """What one worker does for one job."""

    device: str
    takes: int = 0
    busy_s: float = 0.0
    in_hand: int = 0
    since: float = 0.0


@dataclass(slots=True)
class JobBook:
    """Everything the dispatcher knows of one job."""

    serial: int
    arrived: JobArrived
    arrived_at: float
    faults: list[Fault] = field(default_factory=list[Fault])
    warnings: list[Fault] = field(default_factory=list[Fault])
    to_ask: deque[Question] = field(default_factory=deque[Question])
    asked: dict[str, Question] = field(default_factory=dict[str, Question])
    records: list[list[SegmentRecord]] = field(default_factory=list[list[SegmentRecord]])
    shares: dict[int, Share] = field(default_factory=dict[int, Share])
    begun_at: float | None = None  # when a worker first had to do with it
    cancelled: bool = False
    audio_s: float = 0.0
    num_waiting: int = 0
    num_in_hand: int = 0
    num_done: int = 0
    num_failed: int = 0
    # Waiting segments by speaker as (text length, -position): the last one is the next.
    _waiting: list[list[tuple[int, int]]] = field(default_factory=list[list[tuple[int, int]]])
    _alone: deque[tuple[int, int]] = field(default_factory=deque[tuple[int, int]])

    @property
    def name(self) -> str:
        return self.arrived.name

    @property
    def priority(self) -> int:
        return self.arrived.job.priority if self.arrived.job else 0

    @property
    def reading(self) -> bool:
        """Are there questions left to ask or to be answered?"""
        return bool(self.to_ask or self.asked)

    @property
    def over(self) -> bool:
        return not (self.reading or self.num_waiting or self.num_in_hand)

    @property
    def speakable(self) -> bool:
        return not self.reading and not self.faults and self.num_waiting > 0

    def open(self) -> None:
        """Lay out questions and segments; take over the clips that are done already."""
        arrived, job = self.arrived, self.arrived.job
        self.faults = list(arrived.faults)
        self.warnings = list(arrived.warnings)
        if job is not None:
            self.warnings += [w for w in job.warnings if w not in self.warnings]
            self.records = [[SegmentRecord() for _ in speaker.segments] for speaker in job.speakers]
            self._waiting = [[] for _ in job.speakers]
            for s, n, segment in job.segments():
                self._lay_out(s, n, segment)
            for waiting in self._waiting:
                waiting.sort()
        if job is None or self.num_waiting:
            self._lay_out_questions()

    def _lay_out(self, s: int, n: int, segment: Segment) -> None:
        clip = self.arrived.clips.get((s, n))
        if clip is None:
            self._waiting[s].append((len(segment.text), -n))
            self.num_waiting += 1
            return
        record = self.records[s][n]
        record.move("recovered")
        record.clip, record.takes = clip, clip.takes
        self.num_done += 1
        self.audio_s += clip.duration_s

    def _lay_out_questions(self) -> None:
        for i, (where, path) in enumerate(self.arrived.references):
            self.to_ask.append(Question(f"{self.serial}.{i}", where, path))
        if self.arrived.job is not None:
            self.to_ask.append(Question(f"{self.serial}.options", "job.toml", ""))

    # ---- the walk of a segment ---------------------------------------------------------------------

    def next_segment(self, voices: set[str], *, idle: bool) -> tuple[int, int] | None:
        """The segment that a worker should speak next; `voices` are those it has enrolled.

        A segment that must run alone goes first, and only to an `idle` worker. Then the speaker whose
        voice the worker knows, else the one with the most left; the longest text first.
        """
        if self._alone and idle:
            return self._alone[0]
        speakers = [s for s, waiting in enumerate(self._waiting) if waiting]
        if not speakers:
            return None
        job = self.arrived.job
        assert job is not None
        known = [s for s in speakers if job.speakers[s].voice_key in voices]
        s = max(known or speakers, key=lambda s: len(self._waiting[s]))
        return s, -self._waiting[s][-1][1]

    def must_run_alone(self, s: int, n: int) -> bool:
        return bool(self._alone) and self._alone[0] == (s, n)

    def send(self, s: int, n: int, now: float) -> SegmentRecord:
        """The segment goes into a worker's hand."""
        if self.must_run_alone(s, n):
            self._alone.popleft()
        else:
            assert -self._waiting[s][-1][1] == n
            self._waiting[s].pop()
        record = self.records[s][n]
        record.move("sent")
        record.takes += 1
        self.num_waiting -= 1
        self.num_in_hand += 1
        self.begin(now)
        return record

    def begin(self, now: float) -> None:
        """A worker has to do with the job from now on."""
        if self.begun_at is None:
            self.begun_at = now

    def spoken(self, s: int, n: int, clip: Clip) -> None:
        record = self.records[s][n]
        record.move("spoken")
        record.clip, record.error = clip, ""
        self.num_in_hand -= 1
        self.num_done += 1
        self.audio_s += clip.duration_s

    def again(self, s: int, n: int, *, alone: bool) -> None:
        """The segment waits once more; `alone`: its last take gets a worker to itself."""
        record = self.records[s][n]
        record.move("again")
        self.num_in_hand -= 1
        job = self.arrived.job
        assert job is not None
        self.num_waiting += 1
        if alone:
            self._alone.append((s, n))
        else:
            insort(self._waiting[s], (len(job.speakers[s].segments[n].text), -n))

    def failed(self, s: int, n: int, reason: str) -> None:
        record = self.records[s][n]
        record.move("failed")
        record.error = reason
        self.num_in_hand -= 1
        self.num_failed += 1

    def give_up_waiting(self, reason: str) -> None:
        """No waiting segment is spoken any more."""
        for row in self.records:
            for record in row:
                if record.state is SegmentState.WAITING:
                    record.move("given up")
                    record.error = reason
                    self.num_failed += 1
        self._waiting = [[] for _ in self._waiting]
        self._alone.clear()
        self.num_waiting = 0

    # ---- what can be derived -----------------------------------------------------------------------

    def status(self) -> JobStatus:
        """How the job ended, once it is over."""
        if self.cancelled:
            return JobStatus.CANCELLED
        if self.faults or self.arrived.job is None:
            return JobStatus.REJECTED
        if not self.num_failed:
            return JobStatus.DONE
        return JobStatus.PARTIAL if self.num_done else JobStatus.FAILED

    def hold(self, worker: int, device: str, now: float) -> None:
        """A worker has one more of this job's takes in hand."""
        share = self.shares.setdefault(worker, Share(device))
        if share.in_hand == 0:
            share.since = now
        share.in_hand += 1

    def release(self, worker: int, now: float, *, spoken: bool) -> None:
        """A worker has one fewer."""
        share = self.shares[worker]
        share.in_hand -= 1
        share.takes += 1 if spoken else 0
        if share.in_hand == 0:
            share.busy_s += now - share.since
