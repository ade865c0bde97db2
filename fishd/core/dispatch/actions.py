"""What the dispatcher orders; the daemon's controller executes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fishd.core.model.job import Clip, Job, Segment, SegmentFailure, Speaker
from fishd.core.model.outcome import JobOutcome


@dataclass(frozen=True, slots=True)
class StartWorker:
    worker: int
    device: str
    generation: int


@dataclass(frozen=True, slots=True)
class DrainWorker:
    """Let the worker finish its takes, then exit."""

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
    """Have a worker check engine options and languages."""

    worker: int
    check: str
    options: Mapping[str, object]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SendTake:
    """Have a worker speak a segment. `number` is 1 for the segment's first take, of all revisions."""

    worker: int
    device: str  # the worker's
    take: str
    job: Job
    speaker_index: int
    segment_index: int
    number: int
    seed: int
    limit_s: float

    @property
    def speaker(self) -> Speaker:
        return self.job.speakers[self.speaker_index]

    @property
    def segment(self) -> Segment:
        return self.speaker.segments[self.segment_index]

    @property
    def clip(self) -> str:
        """The file that the worker writes, below work/NAME/out."""
        return self.segment.take_path(self.number)


@dataclass(frozen=True, slots=True)
class DropTake:
    """The take's job was cancelled."""

    worker: int
    take: str


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """Journal a segment's failed takes, so that a restart grants it no new ones."""

    job: str
    speaker_index: int
    segment: Segment
    failure: SegmentFailure


@dataclass(frozen=True, slots=True)
class ListenToTake:
    """Have a take heard; TakeHeard follows, whether a listener hears it or not."""

    job: Job
    speaker_index: int
    segment_index: int
    clip: Clip

    @property
    def speaker(self) -> Speaker:
        return self.job.speakers[self.speaker_index]

    @property
    def segment(self) -> Segment:
        return self.speaker.segments[self.segment_index]


@dataclass(frozen=True, slots=True)
class ForgetTakes:
    """The job is cancelled: none of its takes needs to be heard."""

    job: str


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
    """Every worker has exited after StopRequested."""


Action = (
    StartWorker
    | DrainWorker
    | KillWorker
    | InspectReference
    | ValidateOptions
    | SendTake
    | DropTake
    | RecordFailure
    | ListenToTake
    | ForgetTakes
    | FinishJob
    | LogMessage
    | Exit
)
