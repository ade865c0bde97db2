"""The scheduling state of one job: its questions, its segments, and what became of each.

Questions come first: every reference clip must be decoded by a worker, and options and languages be
checked by the engine, before the first take. A job whose reading found faults still asks about its
clips, so that the user is told everything at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from fishd.core.dispatch.events import JobArrived
from fishd.core.dispatch.segment_queue import SegmentQueue
from fishd.core.model.job import Clip, Fault, Job, JobStatus


class SegmentState(StrEnum):
    WAITING = "waiting"
    IN_FLIGHT = "in hand"
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


@dataclass(slots=True, eq=False)
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
class InputCheck:
    """Something a worker must look at before the job may start. `path` is "" for the options."""

    id: str
    where: str
    path: str
    attempts: int = 0


@dataclass(slots=True)
class WorkerTally:
    """What one worker does for one job."""

    device: str
    takes: int = 0
    busy_s: float = 0.0
    in_flight: int = 0
    since: float = 0.0


@dataclass(slots=True, eq=False)
class JobRecord:
    """Everything the dispatcher knows of one job."""

    serial: int
    arrived: JobArrived
    arrived_at: float
    faults: list[Fault] = field(default_factory=list[Fault])
    warnings: list[Fault] = field(default_factory=list[Fault])
    pending_checks: deque[InputCheck] = field(default_factory=deque[InputCheck])
    running_checks: dict[str, InputCheck] = field(default_factory=dict[str, InputCheck])
    records: list[list[SegmentRecord]] = field(default_factory=list[list[SegmentRecord]])
    tallies: dict[int, WorkerTally] = field(default_factory=dict[int, WorkerTally])
    started_at: float | None = None  # when a worker first had to do with it
    is_cancelled: bool = False
    audio_s: float = 0.0
    num_in_flight: int = 0
    num_done: int = 0
    num_failed: int = 0
    announced: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])  # (worker, speaker)
    waiting: SegmentQueue | None = None  # None: nothing was read, or nothing waits any more

    @property
    def name(self) -> str:
        return self.arrived.name

    @property
    def job(self) -> Job:
        """What was read; only a job that was read has segments and options."""
        assert self.arrived.job is not None
        return self.arrived.job

    @property
    def priority(self) -> int:
        return self.arrived.job.priority if self.arrived.job else 0

    @property
    def is_being_checked(self) -> bool:
        """Are there questions left to ask or to be answered?"""
        return bool(self.pending_checks or self.running_checks)

    @property
    def is_over(self) -> bool:
        return not (self.is_being_checked or self.num_waiting or self.num_in_flight)

    @property
    def is_dispatchable(self) -> bool:
        return not self.is_being_checked and not self.faults and self.num_waiting > 0

    @property
    def num_waiting(self) -> int:
        return 0 if self.waiting is None else len(self.waiting)

    def initialize(self) -> None:
        """Lay out questions and segments; take over the clips that are done already."""
        arrived, job = self.arrived, self.arrived.job
        self.faults = list(arrived.faults)
        self.warnings = list(arrived.warnings)
        if job is not None:
            self.warnings += [w for w in job.warnings if w not in self.warnings]
            self.records = [[SegmentRecord() for _ in speaker.segments] for speaker in job.speakers]
            for (s, n), clip in arrived.clips.items():
                self._recover(s, n, clip)
            self.waiting = SegmentQueue(
                job, ((s, n) for s, n, _ in job.segments() if (s, n) not in arrived.clips)
            )
        if job is None or self.num_waiting:
            self._add_checks()

    def _recover(self, s: int, n: int, clip: Clip) -> None:
        record = self.records[s][n]
        record.move("recovered")
        record.clip, record.takes = clip, clip.takes
        self.num_done += 1
        self.audio_s += clip.duration_s

    def _add_checks(self) -> None:
        for i, (where, path) in enumerate(self.arrived.references):
            self.pending_checks.append(InputCheck(f"{self.serial}.{i}", where, path))
        if self.arrived.job is not None:
            self.pending_checks.append(InputCheck(f"{self.serial}.options", "job.toml", ""))

    # ---- the walk of a segment ---------------------------------------------------------------------

    def start_take(self, s: int, n: int, now: float) -> tuple[SegmentRecord, bool]:
        """The segment goes into a worker's hand; whether it must be there alone."""
        assert self.waiting is not None
        alone = self.waiting.pop(s, n)
        record = self.records[s][n]
        record.move("sent")
        record.takes += 1
        self.num_in_flight += 1
        self.mark_started(now)
        return record, alone

    def mark_started(self, now: float) -> None:
        """A worker has to do with the job from now on."""
        if self.started_at is None:
            self.started_at = now

    def complete(self, s: int, n: int, clip: Clip) -> None:
        record = self.records[s][n]
        record.move("spoken")
        record.clip, record.error = clip, ""
        self.num_in_flight -= 1
        self.num_done += 1
        self.audio_s += clip.duration_s

    def requeue(self, s: int, n: int, *, alone: bool) -> None:
        """The segment waits once more; `alone`: its last take gets a worker to itself."""
        assert self.waiting is not None
        self.records[s][n].move("again")
        self.num_in_flight -= 1
        self.waiting.put_back(s, n, alone=alone)

    def fail(self, s: int, n: int, reason: str) -> None:
        record = self.records[s][n]
        record.move("failed")
        record.error = reason
        self.num_in_flight -= 1
        self.num_failed += 1

    def fail_waiting(self, reason: str) -> None:
        """No waiting segment is spoken any more."""
        for row in self.records:
            for record in row:
                if record.state is SegmentState.WAITING:
                    record.move("given up")
                    record.error = reason
                    self.num_failed += 1
        self.waiting = None

    def cancel(self) -> None:
        """Nobody wants it any more: no question is asked or awaited, nothing waits."""
        self.is_cancelled = True
        self.pending_checks.clear()
        self.running_checks.clear()
        self.fail_waiting("cancelled")

    # ---- what can be derived -----------------------------------------------------------------------

    def status(self) -> JobStatus:
        """How the job ended, once it is over."""
        if self.is_cancelled:
            return JobStatus.CANCELLED
        if self.faults or self.arrived.job is None:
            return JobStatus.REJECTED
        if not self.num_failed:
            return JobStatus.DONE
        return JobStatus.PARTIAL if self.num_done else JobStatus.FAILED

    def add_in_flight(self, worker: int, device: str, now: float) -> None:
        """A worker has one more of this job's takes in hand."""
        share = self.tallies.setdefault(worker, WorkerTally(device))
        if share.in_flight == 0:
            share.since = now
        share.in_flight += 1

    def remove_in_flight(self, worker: int, now: float, *, spoken: bool) -> None:
        """A worker has one fewer."""
        share = self.tallies[worker]
        share.in_flight -= 1
        share.takes += 1 if spoken else 0
        if share.in_flight == 0:
            share.busy_s += now - share.since
