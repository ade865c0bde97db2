"""Clips that are gone before their job is published: their segments have failed after all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fishd.core.model.job import JobStatus
from fishd.core.model.outcome import JobOutcome, SegmentOutcome


def without_clips(outcome: JobOutcome, clips: Collection[str], why: str) -> JobOutcome:
    """The outcome as if these clips (their paths as workers wrote them) had never been spoken."""

    def without(end: SegmentOutcome) -> SegmentOutcome:
        is_gone = end.clip is not None and end.clip.path in clips
        return replace(end, clip=None, error=why) if is_gone else end

    segments = tuple(tuple(map(without, row)) for row in outcome.segments)
    status = outcome.status
    if status in (JobStatus.DONE, JobStatus.PARTIAL) and segments != outcome.segments:
        has_clips = any(end.clip for row in segments for end in row)
        status = JobStatus.PARTIAL if has_clips else JobStatus.FAILED
    return replace(outcome, segments=segments, status=status)
