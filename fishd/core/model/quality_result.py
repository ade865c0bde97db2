"""What the checks found of a take, as result.json has it; and back again, for revisions."""

from __future__ import annotations

from collections.abc import Sequence

from fishd.core.model.job import Clip
from fishd.core.model.result import FaultResult, SegmentQuality, TakeResult
from fishd.core.quality.faults import FaultKind, QualityFault
from fishd.core.quality.hearing import Hearing
from fishd.core.quality.take_quality import TakeQuality

_KINDS = {kind.value: kind for kind in FaultKind}


def quality_of(speech: str, clip: Clip, spoken: Sequence[Clip] = ()) -> SegmentQuality | None:
    """What the checks found of a clip in which this is spoken; None if it was not checked."""
    if clip.quality is None:
        return None
    hearing = clip.quality.hearing or Hearing()
    return SegmentQuality(
        faults=_faults(clip),
        cps=round(len(speech) / clip.duration_s, 1) if clip.duration_s else 0.0,
        level_db=round(clip.quality.level_db, 1),
        heard=hearing.text or None,
        wer=hearing.wer,
        similarity=hearing.similarity,
        unheard=hearing.unheard or None,
        takes=tuple(TakeResult(take.takes, take.seed, _faults(take), take.path) for take in spoken),
        pace=None if clip.quality.pace is None else round(clip.quality.pace, 3),
        range_db=round(clip.quality.range_db, 1),
        end_db=round(clip.quality.end_db, 1),
        longest_gap_s=round(clip.quality.longest_gap_s, 2),
    )


def _faults(clip: Clip) -> tuple[FaultResult, ...]:
    return tuple(FaultResult(fault.kind.value, fault.text, round(fault.severity, 2)) for fault in clip.faults)


def take_quality(quality: SegmentQuality | None) -> TakeQuality | None:
    """What is remembered of the take; None where the result does not have all of it."""
    if quality is None or quality.range_db is None or quality.end_db is None or quality.longest_gap_s is None:
        return None
    faults = tuple(
        QualityFault(_KINDS[fault.kind], fault.text, fault.severity)
        for fault in quality.faults
        if fault.kind in _KINDS
    )
    return TakeQuality(
        faults,
        quality.pace,
        quality.level_db,
        quality.range_db,
        quality.end_db,
        quality.longest_gap_s,
        _hearing(quality),
    )


def _hearing(quality: SegmentQuality) -> Hearing | None:
    """None if no listener was asked to hear the take."""
    found = Hearing(quality.heard or "", quality.wer, quality.similarity, quality.unheard or "")
    return None if found == Hearing() else found
