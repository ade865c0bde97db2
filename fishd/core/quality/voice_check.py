"""The voice check: does a take sound like its speaker's reference, and like no other speaker of the job?

The encoder's similarities depend on microphone and engine as well as on the voice, so a low one alone says
little. Which of two references is closer says more: of 45 takes of six speakers a limit of 0.68 finds 87 % of
those that another speaker spoke, with no false alarm, and the comparison 97 %. A smaller CLOSER would find
more, and among voices that resemble each other reject good takes (2.4 % at 0.03, 0.6 % at 0.05).
"""

from __future__ import annotations

from collections.abc import Mapping

from fishd.core.quality.faults import FaultKind, QualityFault

CLOSER = 0.05
SAME_VOICE = 0.85  # two references so alike are one voice under two names


def check_voice(similarity: float, others: Mapping[str, float], min_similarity: float) -> QualityFault | None:
    """Judge similarities to the speaker's own reference and to others' by name; not at a limit of 0."""
    if min_similarity <= 0:
        return None
    name = max(others, key=lambda other: others[other], default="")
    if name and others[name] > similarity + CLOSER:
        text = f"sounds like {name} ({others[name]:.2f}), not like its speaker ({similarity:.2f})"
        return QualityFault(FaultKind.VOICE, text, 0.8)
    if similarity < min_similarity:
        text = f"does not sound like its reference: similarity {similarity:.2f}"
        return QualityFault(FaultKind.VOICE, text, round(min(1.0, 0.4 + min_similarity - similarity), 3))
    return None
