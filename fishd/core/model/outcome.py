"""How a job ended: what its result and its summary are made from."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.core.model.job import Clip, Fault, Job, JobStatus
from fishd.core.model.result import WorkerShare


@dataclass(frozen=True, slots=True)
class SegmentOutcome:
    """How a segment ended: with a clip, or with an error in words."""

    takes: int
    clip: Clip | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """All that a finished job's report is made of; `segments` follow the job's speakers."""

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
