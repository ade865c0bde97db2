"""Features of takes, for the tests of the checks: a good one, and the same with changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fishd.core.quality.baseline import SpeakerBaseline
from fishd.core.quality.features import SignalFeatures
from fishd.core.quality.signal_check import assess_take

TEXT = "The old lighthouse keeper climbed the stairs before the sun went down."
GOOD = SignalFeatures(
    duration_s=5.0,
    speech_s=4.2,
    level_db=-22.0,
    range_db=50.0,
    longest_gap_s=0.4,
    gap_at_s=2.0,
    lead_s=0.1,
    tail_s=0.2,
    end_db=-60.0,
    clipped_share=0.0,
    loop_score=0.3,
    loop_at_s=0.0,
    loop_period_s=0.0,
)


def take(**changes: Any) -> SignalFeatures:
    return replace(GOOD, **changes)


def speaker_with(num_takes: int, **changes: Any) -> SpeakerBaseline:
    """A speaker whose takes so far were all alike."""
    baseline = SpeakerBaseline()
    for _ in range(num_takes):
        baseline = baseline.with_take(assess_take(take(**changes), TEXT, baseline))
    return baseline
