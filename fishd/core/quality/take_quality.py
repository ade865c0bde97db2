"""What is remembered of a checked take: its faults, and what the speaker's baseline needs of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fishd.core.quality.faults import QualityFault
from fishd.core.quality.hearing import Hearing


@dataclass(frozen=True, slots=True)
class TakeQuality:
    """The verdict on a take. It is journalled with the take's clip, so that a restart does not judge again.

    `pace` is the logarithm of letters a second of speech, None where the text is too short to tell; the rest
    is as in SignalFeatures. `hearing` is None for a take that no listener was asked to hear.
    """

    faults: tuple[QualityFault, ...]
    pace: float | None
    level_db: float
    range_db: float
    end_db: float
    longest_gap_s: float
    hearing: Hearing | None = None

    def with_hearing(self, hearing: Hearing, faults: tuple[QualityFault, ...]) -> TakeQuality:
        """With what a listener found."""
        return replace(self, hearing=hearing, faults=(*self.faults, *faults))
