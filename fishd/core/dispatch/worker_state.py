"""The scheduling state of one worker process: where it stands, what it holds, whom it knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fishd.core.dispatch.job_state import JobBook

REMEMBERED_VOICES = 256
MOST_UNWRITTEN = 16  # takes that are recorded and not yet on the disk; a slow disk holds the engine back


class WorkerState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


_S, _R, _D, _G = WorkerState
WORKER_MOVES: dict[tuple[WorkerState, str], WorkerState] = {
    (_S, "ready"): _R,
    (_S, "drain"): _D,
    (_R, "drain"): _D,
    (_D, "ready"): _D,
    (_S, "gone"): _G,
    (_R, "gone"): _G,
    (_D, "gone"): _G,
}


@dataclass(slots=True, eq=False)
class InHand:
    """A take that a worker holds."""

    job: JobBook
    speaker: int
    segment: int
    number: int
    seed: int
    alone: bool
    since: float
    recorded: bool = False


@dataclass(slots=True, eq=False)
class WorkerBook:
    """One worker process."""

    id: int
    device: str
    generation: int
    started_at: float
    progress_at: float
    state: WorkerState = WorkerState.STARTING
    slots: int = 0
    takes: dict[str, InHand] = field(default_factory=dict[str, InHand])  # the oldest first
    questions: dict[str, JobBook] = field(default_factory=dict[str, JobBook])
    voices: set[str] = field(default_factory=set[str])
    num_recorded: int = 0  # of the takes in hand, those that occupy no slot any more
    num_spoken: int = 0
    making_room: bool = False  # it takes no more until it holds nothing: a segment must run alone
    drained_at: float | None = None
    killed: bool = False
    memory_gb: float | None = None
    peak_gb: float | None = None
    may_outgrow: bool = True
    outgrown: bool = False  # it holds more memory than its budget: another is to take its place

    def move(self, step: str) -> None:
        self.state = WORKER_MOVES[self.state, step]

    @property
    def serves(self) -> bool:
        """Does it count as one of those that its post wants?"""
        return self.state in (WorkerState.STARTING, WorkerState.READY)

    @property
    def holds(self) -> bool:
        return bool(self.takes or self.questions)

    @property
    def keeps_to_itself(self) -> bool:
        """Does it speak, or wait to speak, a segment that must be alone?"""
        return self.making_room or any(take.alone for take in self.takes.values())

    @property
    def free_slots(self) -> int:
        if self.state is not WorkerState.READY or self.killed:
            return 0
        if self.holds and self.keeps_to_itself:
            return 0
        return self.slots - self.num_speaking if self.num_recorded < MOST_UNWRITTEN else 0

    @property
    def num_speaking(self) -> int:
        return len(self.takes) - self.num_recorded

    def record(self, take: str) -> None:
        """The engine is done with a take."""
        held = self.takes.get(take)
        if held is not None and not held.recorded:
            held.recorded = True
            self.num_recorded += 1

    def let_go(self, take: str) -> InHand | None:
        """A take has ended; None if the worker does not hold it."""
        held = self.takes.pop(take, None)
        if held is not None and held.recorded:
            self.num_recorded -= 1
        return held

    def take_up(self, now: float) -> None:
        """It gets something to do: its silence counts from now on, if it had nothing before."""
        if not self.holds:
            self.progress_at = now

    def learn(self, voice_key: str) -> None:
        if len(self.voices) >= REMEMBERED_VOICES:
            self.voices.clear()
        self.voices.add(voice_key)
