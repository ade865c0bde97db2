"""Which of several takes of a line is kept when none is without fault."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fishd.core.quality.faults import QualityFault

Badness = tuple[float, float]


def badness(faults: Sequence[QualityFault]) -> Badness:
    """The worst severity, then the sum of all; (0, 0) without faults. A take with less is better."""
    severities = [fault.severity for fault in faults]
    return max(severities, default=0.0), math.fsum(severities)  # fsum: in any order the same


def best_take(takes: Sequence[Sequence[QualityFault]]) -> int:
    """The position of the take with the least badness, the earliest of equals. `takes` is not empty."""
    return min(range(len(takes)), key=lambda n: badness(takes[n]))
