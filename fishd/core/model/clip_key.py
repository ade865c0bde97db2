"""What makes two clips the same: equal keys are equal voice, text, language, engine, options and format.

With equal keys an engine would be asked for the same take, so the clip of an earlier job may be taken over.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from fishd.core.model.hashes import fingerprint
from fishd.core.model.job import Job, Segment, Speaker
from fishd.core.model.result import Result, SegmentResult, SpeakerResult


def clip_key(engine: str, job: Job, speaker: Speaker, segment: Segment) -> str:
    """`engine` is its key."""
    said = (speaker.voice_key, segment.text, segment.language, job.format, dict(job.engine_options))
    return fingerprint((engine, *said))


def with_keys(result: Result, job: Job, engine: str, digest: Callable[[str, str], str]) -> Result:
    """The result with what a later job needs to take its clips over; `digest` is of a clip's path and key."""

    def keyed(s: int, n: int, segment: SegmentResult) -> SegmentResult:
        if segment.clip is None:
            return segment
        speaker = job.speakers[s]
        key = clip_key(engine, job, speaker, speaker.segments[n])
        return replace(segment, key=key, digest=digest(segment.clip, key))

    def row(s: int, speaker: SpeakerResult) -> SpeakerResult:
        return replace(
            speaker, segments=tuple(keyed(s, n, segment) for n, segment in enumerate(speaker.segments))
        )

    return replace(result, speakers=tuple(row(s, speaker) for s, speaker in enumerate(result.speakers)))
