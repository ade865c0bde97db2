"""Which of several takes is kept."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from fishd.core.quality.faults import FaultKind, QualityFault
from fishd.core.quality.score import badness, best_take

faults = st.builds(QualityFault, st.sampled_from(FaultKind), st.just("a fault"), st.floats(0.01, 1.0))
takes = st.lists(st.lists(faults, max_size=4), min_size=1, max_size=6)


@given(takes)
def test_the_best_take_is_no_worse_than_any(several: list[list[QualityFault]]) -> None:
    """And it is better than all before it: of equals the earliest is kept."""
    best = best_take(several)

    assert badness(several[best]) == min(map(badness, several))
    assert all(badness(take) > badness(several[best]) for take in several[:best])


@given(takes)
def test_a_take_without_faults_is_always_kept(several: list[list[QualityFault]]) -> None:
    """Whatever the others are like."""
    with_good = [*several, list[QualityFault]()]

    assert [] == with_good[best_take(with_good)]


@given(st.lists(faults, max_size=4), faults)
def test_one_more_fault_never_makes_a_take_better(several: list[QualityFault], more: QualityFault) -> None:
    """The score grows with every fault."""
    assert badness([*several, more]) >= badness(several)


@given(st.lists(faults, max_size=4))
def test_the_order_of_faults_does_not_matter(several: list[QualityFault]) -> None:
    """To the last bit, or a restart might keep another take."""
    assert {badness(several)} == {badness(order) for order in itertools.permutations(several)}


def test_one_useless_take_loses_to_three_small_faults() -> None:
    """The worst fault counts before their sum."""
    silent = [QualityFault(FaultKind.SILENCE, "silent", 1.0)]
    blemished = [QualityFault(FaultKind.PAUSE, "a pause", 0.4)] * 3

    assert 1 == best_take([silent, blemished])
