"""A take's voice, judged by similarities to references."""

from __future__ import annotations

import pytest

from fishd.core.quality.faults import FaultKind, QualityFault
from fishd.core.quality.voice_check import check_voice


def test_nothing_is_judged_at_a_limit_of_0():
    assert None is check_voice(0.1, {"Oscar": 0.9}, min_similarity=0.0)


@pytest.mark.parametrize("others", [{}, {"Oscar": 0.7}, {"Oscar": 0.72}])
def test_a_voice_above_the_limit_that_no_other_clearly_exceeds_is_good(others: dict[str, float]):
    assert None is check_voice(0.7, others, min_similarity=0.6)


def test_a_voice_below_the_limit_is_a_fault_worse_the_lower_it_is():
    fault = check_voice(0.5, {"Oscar": 0.4}, min_similarity=0.6)

    assert QualityFault(FaultKind.VOICE, "does not sound like its reference: similarity 0.50", 0.5) == fault
    lower = check_voice(0.2, {}, min_similarity=0.6)
    assert lower is not None
    assert lower.severity > 0.5


def test_a_voice_that_is_closer_to_another_speaker_is_a_fault_that_names_him():
    fault = check_voice(0.7, {"Pip": 0.65, "Oscar": 0.8}, min_similarity=0.6)

    assert fault is not None
    assert "sounds like Oscar (0.80), not like its speaker (0.70)" == fault.text
