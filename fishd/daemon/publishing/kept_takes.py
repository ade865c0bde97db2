"""The takes that a result keeps, beside the ones that are its clips. Pure."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from fishd.core.model.job import Clip, Job, Segment
from fishd.core.model.outcome import JobOutcome
from fishd.core.model.quality_result import quality_of
from fishd.core.model.result import KeptTake, Result, SegmentResult
from fishd.core.model.revised_job import Position, RevisedJob
from fishd.spool.revision.takes import kept_digest


def with_kept_takes(outcome: JobOutcome, result: Result, secret: bytes) -> Result:
    """Of each line all takes that are in out/: those of earlier revisions, and those of this job."""
    job, revised = outcome.job, outcome.revision
    if job is None:
        return result

    def kept(place: Position, row: SegmentResult) -> SegmentResult:
        s, n = place
        known = {take.take: take for take in (revised.kept.get(place, ()) if revised else ())}
        for clip in outcome.segments[s][n].spoken:
            known.setdefault(clip.takes, _kept_take(job, job.speakers[s].segments[n], clip, secret))
        return replace(row, kept=tuple(known[number] for number in sorted(known)))

    return _with_rows(result, kept)


def with_former_keys(result: Result, revised: RevisedJob) -> Result:
    """A line that was not spoken has the key and the digest that it had; a chosen take has none."""

    def keyed(place: Position, row: SegmentResult) -> SegmentResult:
        if place in revised.spoken:
            return row
        if place in revised.chosen:
            return replace(row, key=None, digest=None)
        former = revised.row(place)
        return replace(row, key=former.key, digest=former.digest)

    return _with_rows(result, keyed)


def _with_rows(result: Result, change: Callable[[Position, SegmentResult], SegmentResult]) -> Result:
    speakers = tuple(
        replace(speaker, segments=tuple(change((s, n), row) for n, row in enumerate(speaker.segments)))
        for s, speaker in enumerate(result.speakers)
    )
    return replace(result, speakers=speakers)


def _kept_take(job: Job, segment: Segment, clip: Clip, secret: bytes) -> KeptTake:
    return KeptTake(
        take=clip.takes,
        file=clip.path,
        duration_s=round(clip.duration_s, 3),
        seed=clip.seed,
        text=segment.text,
        spoken=segment.spoken or None,
        worker=clip.worker,
        device=clip.device,
        digest=kept_digest(clip.content_hash, job.name, secret),
        quality=quality_of(segment.speech, clip),
    )
