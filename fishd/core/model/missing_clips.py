"""Clips that are gone before their job is published: their segments have failed after all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fishd.core.model.job import JobStatus
from fishd.core.model.outcome import JobOutcome, SegmentOutcome


def without_clips(outcome: JobOutcome, reasons: Mapping[str, str]) -> JobOutcome:
    """The outcome as if these clips had never been spoken: why, by their paths as workers wrote them."""

    def without(end: SegmentOutcome) -> SegmentOutcome:
        why = reasons.get(end.clip.path) if end.clip else None
        return end if why is None else replace(end, clip=None, error=why)

    segments = tuple(tuple(map(without, row)) for row in outcome.segments)
    status = outcome.status
    if status in (JobStatus.DONE, JobStatus.PARTIAL) and segments != outcome.segments:
        has_clips = any(end.clip for row in segments for end in row)
        status = JobStatus.PARTIAL if has_clips else JobStatus.FAILED
    return replace(outcome, segments=segments, status=status)
