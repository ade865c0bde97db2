"""From the outcome of a job to its result: counts, seconds, and every segment in the bundle's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fishd.core.model.job import Fault, Segment, Speaker
from fishd.core.model.outcome import JobOutcome, SegmentOutcome
from fishd.core.model.quality_result import quality_of
from fishd.core.model.result import (
    Result,
    SegmentResult,
    SkippedResult,
    SpeakerResult,
    Totals,
)


def make_result(outcome: JobOutcome, started: str, finished: str, device_names: Mapping[str, str]) -> Result:
    """`started` and `finished` are RFC 3339; `device_names` maps a device's id to its name."""
    speakers = outcome.job.speakers if outcome.job else ()
    devices = {share.device for share in outcome.shares}
    return Result(
        job=outcome.name,
        title=outcome.job.title if outcome.job else outcome.name,
        status=outcome.status,
        engine=outcome.engine,
        device_names=tuple(sorted(device_names.get(device, device) for device in devices)),
        started=started,
        finished=finished,
        totals=_totals(outcome),
        errors=outcome.faults + _segment_faults(outcome, speakers),
        speakers=tuple(
            _speaker(speaker, ends) for speaker, ends in zip(speakers, outcome.segments, strict=True)
        ),
        warnings=outcome.warnings,
        remarks=outcome.remarks,
        workers=outcome.shares,
        skipped=tuple(
            SkippedResult(line.id, line.text, line.speaker, line.start, line.end, line.position)
            for line in (outcome.job.skipped if outcome.job else ())
        ),
    )


def _totals(outcome: JobOutcome) -> Totals:
    ends = [end for row in outcome.segments for end in row]
    clips = [end.clip for end in ends if end.clip is not None]
    audio_s = sum(clip.duration_s for clip in clips)
    return Totals(
        speakers=len(outcome.segments),
        segments=len(ends),
        done=len(clips),
        failed=len(ends) - len(clips),
        audio_s=round(audio_s, 3),
        wall_s=round(outcome.wall_s, 3),
        doubtful=sum(bool(clip.faults) for clip in clips),
        speech_rate=round(audio_s / outcome.wall_s, 3) if outcome.wall_s > 0 else 0.0,
    )


def _segment_faults(outcome: JobOutcome, speakers: Sequence[Speaker]) -> tuple[Fault, ...]:
    """The failed segments; none if the bundle was rejected, as its own faults explain them."""
    if outcome.faults:
        return ()
    return tuple(
        Fault(f"speakers[{s}].segments[{n}] ({speakers[s].name}, {speakers[s].segments[n].id})", end.error)
        for s, row in enumerate(outcome.segments)
        for n, end in enumerate(row)
        if end.clip is None
    )


def _speaker(speaker: Speaker, ends: Sequence[SegmentOutcome]) -> SpeakerResult:
    return SpeakerResult(
        name=speaker.name,
        language=speaker.language,
        segments=tuple(_segment(segment, end) for segment, end in zip(speaker.segments, ends, strict=True)),
        voice_key=speaker.voice_key,
    )


def _segment(segment: Segment, end: SegmentOutcome) -> SegmentResult:
    clip = end.clip
    if clip is None:
        return SegmentResult(
            id=segment.id,
            text=segment.text,
            status="failed",
            takes=end.takes,
            error=end.error or None,
            can_retry=end.can_retry,
            spoken=segment.spoken or None,
            start_s=segment.start,
            end_s=segment.end,
            position=segment.position,
        )
    return SegmentResult(
        id=segment.id,
        text=segment.text,
        status="done",
        spoken=segment.spoken or None,
        start_s=segment.start,
        end_s=segment.end,
        clip=clip.path,
        duration_s=round(clip.duration_s, 3),
        takes=end.takes,
        seed=clip.seed,
        worker=clip.worker,
        device=clip.device,
        quality=quality_of(segment.speech, clip, end.spoken),
        position=segment.position,
        chosen=clip.takes,
    )
