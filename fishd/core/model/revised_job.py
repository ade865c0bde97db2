"""A published job that is revised: some lines are spoken again or get another take, the rest stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fishd.core.model.job import Clip, Fault, Job, Segment
from fishd.core.model.result import KeptTake, Result, RevisionResult, SegmentResult

Position = tuple[int, int]  # of a speaker, and of a segment in it


@dataclass(frozen=True, slots=True)
class RevisedJob:
    """The job with its changes, and its `former` result. `entry` goes into its history.

    `spoken` are the lines that are spoken, each with its segment as it was; `chosen` those that get a kept
    take. `clips` has the former take of each line that has one, or the chosen one; `kept` all that are there.
    """

    job: Job
    former: Result
    entry: RevisionResult
    spoken: Mapping[Position, Segment]
    chosen: Mapping[Position, KeptTake] = field(default_factory=dict[Position, KeptTake])
    clips: Mapping[Position, Clip] = field(default_factory=dict[Position, Clip])
    kept: Mapping[Position, tuple[KeptTake, ...]] = field(
        default_factory=dict[Position, tuple[KeptTake, ...]]
    )
    warnings: tuple[Fault, ...] = ()

    def row(self, place: Position) -> SegmentResult:
        """The line in the former result."""
        speaker, segment = place
        return self.former.speakers[speaker].segments[segment]
