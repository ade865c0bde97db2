"""How a job ended; its result is made from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fishd.core.model.job import Clip, Fault, Job, JobStatus
from fishd.core.model.result import WorkerShare
from fishd.core.model.revised_job import RevisedJob


@dataclass(frozen=True, slots=True)
class SegmentOutcome:
    """How a segment ended: with a clip or an error. `can_retry`: another seed may succeed.

    `spoken` are all its takes that gave a clip.
    """

    takes: int
    clip: Clip | None = None
    error: str = ""
    can_retry: bool = True
    spoken: tuple[Clip, ...] = ()


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """A finished job. `segments` are in the order of the job's speakers, empty if the bundle was not read.

    `engine_key` identifies the engine that spoke every clip; "" if there were several. `revision`: the job
    was published before, and only some of its lines were spoken.
    """

    name: str
    job: Job | None
    status: JobStatus
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    segments: tuple[tuple[SegmentOutcome, ...], ...]
    shares: tuple[WorkerShare, ...]
    remarks: tuple[str, ...]
    engine: str
    wall_s: float
    engine_key: str = ""
    revision: RevisedJob | None = None


def without_clips(outcome: JobOutcome, errors: Mapping[str, str]) -> JobOutcome:
    """The outcome after the clips at these paths were lost: their segments have failed with these errors."""

    def without(end: SegmentOutcome) -> SegmentOutcome:
        error = errors.get(end.clip.path) if end.clip else None
        return end if error is None else replace(end, clip=None, error=error)

    segments = tuple(tuple(map(without, row)) for row in outcome.segments)
    status = outcome.status
    if segments != outcome.segments and status in (JobStatus.DONE, JobStatus.PARTIAL):
        has_clips = any(end.clip for row in segments for end in row)
        status = JobStatus.PARTIAL if has_clips else JobStatus.FAILED
    return replace(outcome, segments=segments, status=status)
