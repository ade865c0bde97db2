"""The scheduling state of one worker process: its state, its takes and checks, its enrolled voices."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fishd.core.dispatch.actions import SendTake
from fishd.core.dispatch.job_state import JobRecord

MAX_KNOWN_VOICES = 256
MAX_UNWRITTEN = 16  # synthesized takes whose clips are not on the disk yet: back-pressure from a slow disk


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
class InFlightTake:
    """A take that a worker holds. `alone`: the worker must hold no other."""

    order: SendTake
    job: JobRecord
    alone: bool
    since: float
    is_synthesized: bool = False


@dataclass(slots=True, eq=False)
class WorkerRecord:
    """One worker process."""

    id: int
    device: str
    generation: int
    started_at: float
    progress_at: float
    state: WorkerState = WorkerState.STARTING
    slots: int = 0
    takes: dict[str, InFlightTake] = field(default_factory=dict[str, InFlightTake])  # oldest first
    checks: dict[str, JobRecord] = field(default_factory=dict[str, JobRecord])
    voices: set[str] = field(default_factory=set[str])
    num_synthesized: int = 0  # of the takes in flight, those that occupy no slot any more
    num_spoken: int = 0
    is_emptying: bool = False  # it gets no more takes until it holds none: a segment must run alone
    drained_at: float | None = None
    is_killed: bool = False
    memory_gb: float | None = None
    peak_gb: float | None = None
    is_replaceable: bool = True  # not for its memory, if the loaded engine alone exceeds the budget
    is_over_budget: bool = False  # it holds more memory than its budget and is to be replaced

    def move(self, step: str) -> None:
        self.state = WORKER_MOVES[self.state, step]

    @property
    def is_serving(self) -> bool:
        """Does it count towards its device's wanted workers?"""
        return self.state in (WorkerState.STARTING, WorkerState.READY)

    @property
    def is_busy(self) -> bool:
        return bool(self.takes or self.checks)

    @property
    def is_exclusive(self) -> bool:
        """Does it run, or wait to run, a segment that must be alone?"""
        return self.is_emptying or any(take.alone for take in self.takes.values())

    @property
    def free_slots(self) -> int:
        if self.state is not WorkerState.READY or self.is_killed:
            return 0
        if self.is_busy and self.is_exclusive:
            return 0
        return self.slots - self.num_slots_used if self.num_synthesized < MAX_UNWRITTEN else 0

    @property
    def num_slots_used(self) -> int:
        return len(self.takes) - self.num_synthesized

    def mark_synthesized(self, take: str) -> None:
        """The engine has finished a take: it occupies no slot any more."""
        held = self.takes.get(take)
        if held is not None and not held.is_synthesized:
            held.is_synthesized = True
            self.num_synthesized += 1

    def release(self, take: str) -> InFlightTake | None:
        """Remove a take that has ended; None if the worker does not hold it."""
        held = self.takes.pop(take, None)
        if held is not None and held.is_synthesized:
            self.num_synthesized -= 1
        return held

    def note_assignment(self, now: float) -> None:
        """Start the progress timeout if the worker was idle."""
        if not self.is_busy:
            self.progress_at = now

    def remember_voice(self, voice_key: str) -> None:
        if len(self.voices) >= MAX_KNOWN_VOICES:
            self.voices.clear()
        self.voices.add(voice_key)
