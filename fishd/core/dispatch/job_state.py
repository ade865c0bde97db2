"""The scheduling state of one job: its input checks, its segments, and the state of each.

Checks come first: a worker must decode every reference clip, and the engine must accept options and
languages, before the first take. A bundle that was read with faults still has its clips checked, so that
the user gets all faults at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from fishd.core.dispatch.baselines import Baselines
from fishd.core.dispatch.events import JobArrived
from fishd.core.dispatch.segment_queue import SegmentQueue
from fishd.core.dispatch.segment_state import SegmentRecord, SegmentState
from fishd.core.model.job import Clip, Fault, Job, JobStatus


@dataclass(slots=True)
class InputCheck:
    """Something that a worker must check before the job may start. `path` is "" for the options."""

    id: str
    where: str
    path: str
    attempts: int = 0
    uncounted: int = 0  # attempts that were lost by no fault of its input


@dataclass(slots=True)
class WorkerTally:
    """One worker's share in a job: `busy_s` is the time in which it held takes of the job."""

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
    baselines: Baselines = field(default_factory=Baselines)
    tallies: dict[int, WorkerTally] = field(default_factory=dict[int, WorkerTally])
    started_at: float | None = None  # when a worker first got a check or a take of it
    engine_key: str = ""  # of the one engine that has spoken all of it so far; "" if there were several
    is_cancelled: bool = False
    audio_s: float = 0.0
    num_in_flight: int = 0
    num_done: int = 0
    num_failed: int = 0
    num_doubtful: int = 0  # of those done: their best take has faults
    announced: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])  # (worker, speaker)
    waiting: SegmentQueue | None = None  # None: no job was read, or nothing waits any more

    @property
    def name(self) -> str:
        return self.arrived.name

    @property
    def job(self) -> Job:
        """The job as read; only called where there is one."""
        assert self.arrived.job is not None
        return self.arrived.job

    @property
    def priority(self) -> int:
        return self.arrived.job.priority if self.arrived.job else 0

    @property
    def is_being_checked(self) -> bool:
        """Are there checks pending or running?"""
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

    def initialize(self, max_takes: int) -> None:
        """Set up checks and segments, and recover what was done before."""
        arrived, job = self.arrived, self.arrived.job
        self.faults = list(arrived.faults)
        self.warnings = list(arrived.warnings)
        if job is not None:
            self.warnings += [w for w in job.warnings if w not in self.warnings]
            self.records = [[SegmentRecord() for _ in speaker.segments] for speaker in job.speakers]
            for s, n in sorted(arrived.clips.keys() | arrived.failures.keys()):
                self._recover(s, n, max_takes)
            self.waiting = self._make_queue(job, max_takes)
        if job is None or self.num_waiting:
            self._add_checks()

    def _make_queue(self, job: Job, max_takes: int) -> SegmentQueue:
        """Every waiting segment; one that may have ended workers runs alone for its last take."""
        places: list[tuple[int, int]] = []
        alone: list[tuple[int, int]] = []
        for s, n, _ in job.segments():
            record = self.records[s][n]
            if record.state is SegmentState.WAITING:
                is_suspect = record.deaths > 0 and record.takes >= max_takes - 1
                (alone if is_suspect else places).append((s, n))
        return SegmentQueue(job, places, alone)

    def _recover(self, s: int, n: int, max_takes: int) -> None:
        """Take up the segment where the journal leaves it."""
        record, failure = self.records[s][n], self.arrived.failures.get((s, n))
        record.spoken = self.arrived.clips.get((s, n), ())
        earlier = self.job.speakers[s].segments[n].earlier_takes
        record.takes = max(clip.takes for clip in record.spoken) - earlier if record.spoken else 0
        if failure is not None:
            record.takes, record.deaths = max(record.takes, failure.takes), failure.deaths
        is_final = failure is not None and failure.is_final
        if any(self.must_hear(clip) for clip in record.spoken):
            record.move("recovered unheard")
            self.num_in_flight += 1
        elif record.spoken and (is_final or record.is_settled or record.takes >= max_takes):
            record.move("recovered")
            self._accept_best(s, n)
        elif failure is not None and failure.is_final:
            record.move("failed before")
            record.error, record.can_retry = failure.reason, failure.can_retry
            self.num_failed += 1

    def _add_checks(self) -> None:
        for i, (where, path) in enumerate(self.arrived.references):
            self.pending_checks.append(InputCheck(f"{self.serial}.{i}", where, path))
        if self.arrived.job is not None:
            self.pending_checks.append(InputCheck(f"{self.serial}.options", "job.toml", ""))

    # ---- one segment -------------------------------------------------------------------------------

    def start_take(self, s: int, n: int, now: float) -> tuple[SegmentRecord, bool]:
        """A worker gets the segment; whether it must be that worker's only take."""
        assert self.waiting is not None
        alone = self.waiting.pop(s, n)
        record = self.records[s][n]
        record.move("sent")
        record.takes += 1
        self.num_in_flight += 1
        self.mark_started(now)
        return record, alone

    def mark_started(self, now: float) -> None:
        if self.started_at is None:
            self.started_at = now

    def must_hear(self, clip: Clip) -> bool:
        """Is the take to be heard? One with faults is spoken again in any case."""
        quality = clip.quality
        return (
            self.job.quality.listens
            and quality is not None
            and not quality.faults
            and quality.hearing is None
        )

    def unheard(self) -> Iterator[tuple[int, int, Clip]]:
        """The segments that wait for a listener, with the take to hear."""
        for s, row in enumerate(self.records):
            for n, record in enumerate(row):
                if record.state is SegmentState.LISTENING:
                    yield s, n, next(clip for clip in record.spoken if self.must_hear(clip))

    def complete(self, s: int, n: int) -> Clip:
        """The segment is done with the best of its takes."""
        record = self.records[s][n]
        record.move("heard" if record.state is SegmentState.LISTENING else "spoken")
        self.num_in_flight -= 1
        return self._accept_best(s, n)

    def _accept_best(self, s: int, n: int) -> Clip:
        clip = self.records[s][n].choose_clip()
        self.num_done += 1
        self.num_doubtful += bool(clip.faults)
        self.audio_s += clip.duration_s
        if clip.quality is not None:
            speaker = self.job.speakers[s]
            self.baselines.add_take(speaker, speaker.segments[n], clip.quality)
        return clip

    def requeue(self, s: int, n: int, *, alone: bool) -> None:
        """The segment waits again; `alone`: its last take gets a worker to itself."""
        assert self.waiting is not None
        self.records[s][n].move("requeued")
        self.num_in_flight -= 1
        self.waiting.put_back(s, n, alone=alone)

    def fail(self, s: int, n: int, reason: str, *, can_retry: bool = True) -> None:
        record = self.records[s][n]
        record.move("failed")
        record.error, record.can_retry = reason, can_retry
        self.num_in_flight -= 1
        self.num_failed += 1

    def fail_waiting(self, reason: str) -> None:
        """Fail every segment that waits."""
        for row in self.records:
            for record in row:
                if record.state is SegmentState.WAITING:
                    record.move("abandoned")
                    record.error = reason
                    self.num_failed += 1
        self.waiting = None

    def cancel(self) -> None:
        """Drop checks and waiting segments; takes in flight end by themselves, unheard."""
        self.is_cancelled = True
        self.pending_checks.clear()
        self.running_checks.clear()
        self.fail_waiting("cancelled")
        for s, n, _ in list(self.unheard()):
            self.complete(s, n)

    # ---- reporting ---------------------------------------------------------------------------------

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
        """A worker holds one more take of this job."""
        share = self.tallies.setdefault(worker, WorkerTally(device))
        if share.in_flight == 0:
            share.since = now
        share.in_flight += 1

    def remove_in_flight(self, worker: int, now: float, *, spoken: bool) -> None:
        """A worker holds one take fewer."""
        share = self.tallies[worker]
        share.in_flight -= 1
        share.takes += 1 if spoken else 0
        if share.in_flight == 0:
            share.busy_s += now - share.since
