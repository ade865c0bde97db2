"""What is normal for a speaker: the reference clips, and the last takes that were kept.

Thresholds are relative to it, for engines and recordings differ: one ends in digital silence, another in the
room's noise. Nothing here is learned from one take alone, so a bad first take does little harm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from fishd.core.quality.features import SignalFeatures, join
from fishd.core.quality.take_quality import TakeQuality
from fishd.core.quality.text_length import text_length

TYPICAL_PACE = math.log(18.0)  # of any speaker: letters a second of speech
TYPICAL_RANGE_DB = 20.0
_PLAUSIBLE = math.log(2.0)  # a reference's pace that is farther from it has a wrong transcript
_MOST_TAKES = 32
_FEW_TAKES = 4
_SPREAD_OF_MEDIAN = 1.4826  # standard deviations in a median absolute deviation
_LEAST_TOLERANCE, _MOST_TOLERANCE = 0.3, 0.5
_DOUBT, _DOUBT_WITH_REFERENCE = 0.2, 0.1  # more tolerance while there are few takes


@dataclass(frozen=True, slots=True)
class SpeakerBaseline:
    """One speaker in one language; replaced by `with_take` when a line has its take."""

    reference: SignalFeatures | None = None
    reference_pace: float | None = None
    takes: tuple[TakeQuality, ...] = ()

    @classmethod
    def of_reference(cls, clips: Sequence[SignalFeatures], transcript: str) -> SpeakerBaseline:
        """Before the first take: the speaker's reference clips and what is said in them."""
        reference = join(clips)
        if reference is None:
            return cls()
        pace = log_pace(reference, transcript)
        is_plausible = pace is not None and abs(pace - TYPICAL_PACE) < _PLAUSIBLE
        return cls(reference, pace if is_plausible else None)

    def with_take(self, take: TakeQuality) -> SpeakerBaseline:
        """With the take that was kept for a line, whether it has faults or not: the median forgives a few."""
        return replace(self, takes=(*self.takes, take)[-_MOST_TAKES:])

    def usual_pace(self) -> tuple[float, float]:
        """(logarithm of letters a second of speech, how far a good take's may be from it)."""
        paces = [take.pace for take in self.takes if take.pace is not None]
        if len(paces) >= 2 * _FEW_TAKES:
            usual = median(paces)
            spread = _SPREAD_OF_MEDIAN * median(abs(pace - usual) for pace in paces)
            return usual, min(max(3 * spread, _LEAST_TOLERANCE), _MOST_TOLERANCE)
        expected = TYPICAL_PACE if self.reference_pace is None else self.reference_pace
        doubt = _DOUBT if self.reference_pace is None else _DOUBT_WITH_REFERENCE
        return median([expected, *paces]), _LEAST_TOLERANCE + doubt + 0.1 / (1 + len(paces))

    def usual_level_db(self) -> float | None:
        """The median level of the takes; None as long as there are few."""
        return median(take.level_db for take in self.takes) if len(self.takes) >= _FEW_TAKES else None

    def usual_range_db(self) -> float:
        """How far the takes' loud and quiet parts are apart; the reference's as long as there are few."""
        if len(self.takes) >= _FEW_TAKES:
            return median(take.range_db for take in self.takes)
        return self.reference.range_db if self.reference else TYPICAL_RANGE_DB

    def highest_end_db(self) -> float | None:
        """How loud the takes have ended at most; None as long as there are few."""
        return max(take.end_db for take in self.takes) if len(self.takes) >= 2 * _FEW_TAKES else None

    def longest_gap_s(self) -> float:
        """The pause that this speaker makes without fault: the reference's longest, or the takes'."""
        longest = sorted(take.longest_gap_s for take in self.takes)
        usual = longest[len(longest) * 9 // 10] if len(longest) >= _FEW_TAKES else 0.0
        return max(usual, self.reference.longest_gap_s if self.reference else 0.0)


def log_pace(features: SignalFeatures, text: str) -> float | None:
    """The logarithm of letters a second of speech; None for no text or no speech."""
    letters = text_length(text).letters
    return math.log(letters / features.speech_s) if letters and features.speech_s > 0 else None
