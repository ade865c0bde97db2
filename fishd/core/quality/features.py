"""What `worker/features.py` measures of a take or a reference clip: numbers that the checks judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FLOOR_DB = -100.0  # no level is lower: digital silence


@dataclass(frozen=True, slots=True)
class SignalFeatures:
    """Measurements in frames of 20 ms; every number is finite.

    A frame holds speech if it is less than 35 dB under the loud frames and above a steady noise floor.
    """

    duration_s: float
    speech_s: float  # of frames that hold speech
    level_db: float  # RMS of the speech, dB of full scale
    range_db: float  # the loud frames (90th percentile) above the quiet ones (10th percentile)
    longest_gap_s: float  # the longest stretch without speech between two frames of speech
    gap_at_s: float
    lead_s: float  # before the first frame of speech
    tail_s: float  # after the last
    end_db: float  # the last 60 ms against the speech level
    clipped_share: float  # of samples at the peak
    loop_score: float  # 1: a stretch of at least 0.4 s repeats exactly; unrelated speech is below 0.55
    loop_at_s: float
    loop_period_s: float


def join(clips: Sequence[SignalFeatures]) -> SignalFeatures | None:
    """Several reference clips as one, with what is most lenient of each; None without clips."""
    if not clips:
        return None
    loudest = max(clips, key=lambda clip: clip.level_db)
    longest = max(clips, key=lambda clip: clip.longest_gap_s)
    return SignalFeatures(
        duration_s=sum(clip.duration_s for clip in clips),
        speech_s=sum(clip.speech_s for clip in clips),
        level_db=loudest.level_db,
        range_db=min(clip.range_db for clip in clips),
        longest_gap_s=longest.longest_gap_s,
        gap_at_s=longest.gap_at_s,
        lead_s=max(clip.lead_s for clip in clips),
        tail_s=max(clip.tail_s for clip in clips),
        end_db=max(clip.end_db for clip in clips),
        clipped_share=max(clip.clipped_share for clip in clips),
        loop_score=0.0,
        loop_at_s=0.0,
        loop_period_s=0.0,
    )
