"""Keys of clips: with equal keys an engine would get the same take, so an earlier job's clip can be reused.

A key covers the voice, the text, its language, the engine with its options, and the clip's format.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from fishd.core.model.hashes import fingerprint
from fishd.core.model.job import Job, Segment, Speaker
from fishd.core.model.result import Result, SegmentResult, SpeakerResult


def clip_key(engine_key: str, job: Job, speaker: Speaker, segment: Segment) -> str:
    take = (speaker.voice_key, segment.speech, segment.language, job.take_format)
    return fingerprint((engine_key, *take, dict(job.engine_options)))


def with_keys(result: Result, job: Job, engine_key: str, digest: Callable[[str, str], str]) -> Result:
    """The job's result with the key and the digest of each take; `digest` takes its path and key."""

    def keyed(speaker: Speaker, segment: Segment, row: SegmentResult) -> SegmentResult:
        if row.clip is None:
            return row
        key = clip_key(engine_key, job, speaker, segment)
        return replace(row, key=key, digest=digest(row.take or row.clip, key))

    rows: list[SpeakerResult] = []
    for speaker, row in zip(job.speakers, result.speakers, strict=True):
        pairs = zip(speaker.segments, row.segments, strict=True)
        rows.append(replace(row, segments=tuple(keyed(speaker, *pair) for pair in pairs)))
    return replace(result, speakers=tuple(rows))
