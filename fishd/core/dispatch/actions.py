"""What is to be done: everything that the dispatcher ever orders. The daemon and the pool do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fishd.core.model.job import Job, Segment, Speaker
from fishd.core.model.outcome import JobOutcome


@dataclass(frozen=True, slots=True)
class StartWorker:
    worker: int
    device: str
    generation: int


@dataclass(frozen=True, slots=True)
class DrainWorker:
    """Let it finish what it has in hand, then end."""

    worker: int


@dataclass(frozen=True, slots=True)
class KillWorker:
    worker: int
    reason: str


@dataclass(frozen=True, slots=True)
class InspectReference:
    """Have a worker decode a reference clip."""

    worker: int
    check: str
    path: str


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """Have a worker say what is wrong with engine options and languages."""

    worker: int
    check: str
    options: Mapping[str, object]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SendTake:
    """Have a worker speak: `number` is 1 for the first take of a segment."""

    worker: int
    take: str
    job: Job
    speaker: Speaker
    speaker_index: int
    segment: Segment
    segment_index: int
    number: int
    seed: int
    limit_s: float


@dataclass(frozen=True, slots=True)
class DropTake:
    worker: int
    take: str


@dataclass(frozen=True, slots=True)
class FinishJob:
    """Report and publish it."""

    outcome: JobOutcome


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A line for the log; `level` is a logging level's name in lower case."""

    level: str
    text: str
    job: str | None = None
    worker: int | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """Everything has ended that had to."""


Action = (
    StartWorker
    | DrainWorker
    | KillWorker
    | InspectReference
    | ValidateOptions
    | SendTake
    | DropTake
    | FinishJob
    | LogMessage
    | Exit
)
