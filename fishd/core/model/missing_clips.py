"""A result whose clips were taken away before it was published: those segments have failed after all."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from fishd.core.model.job import Fault, JobStatus
from fishd.core.model.result import Result, SegmentResult, SpeakerResult, Totals


def without_clips(result: Result, clips: Collection[str], why: str) -> Result:
    """The result as if these clips (paths below its folder) had never been spoken."""
    speakers = tuple(
        replace(speaker, segments=tuple(_segment(segment, clips, why) for segment in speaker.segments))
        for speaker in result.speakers
    )
    faults = tuple(
        Fault(f"speakers[{s}].segments[{n}] ({speaker.name}, {segment.id})", why)
        for s, speaker in enumerate(result.speakers)
        for n, segment in enumerate(speaker.segments)
        if segment.clip in clips
    )
    totals = _totals(result.totals, speakers)
    return replace(
        result,
        status=_status(result.status, totals),
        speakers=speakers,
        totals=totals,
        errors=result.errors + faults,
    )


def _segment(segment: SegmentResult, clips: Collection[str], why: str) -> SegmentResult:
    if segment.clip not in clips:
        return segment
    return SegmentResult(segment.id, segment.text, "failed", takes=segment.takes, error=why)


def _totals(totals: Totals, speakers: tuple[SpeakerResult, ...]) -> Totals:
    done = [s for speaker in speakers for s in speaker.segments if s.status == "done"]
    audio_s = round(sum(s.duration_s or 0.0 for s in done), 3)
    rate = round(audio_s / totals.wall_s, 3) if totals.wall_s > 0 else 0.0
    return replace(
        totals, done=len(done), failed=totals.segments - len(done), audio_s=audio_s, speech_rate=rate
    )


def _status(status: JobStatus, totals: Totals) -> JobStatus:
    if status not in (JobStatus.DONE, JobStatus.PARTIAL):
        return status
    return JobStatus.PARTIAL if totals.done else JobStatus.FAILED
