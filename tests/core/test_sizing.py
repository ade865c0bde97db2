"""How many workers: the contract's table, and what changes its figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.config.config import PoolConfig
from fishd.core.sizing.model import Gpu, SizingPlan
from fishd.core.sizing.plan import counting_ours, nominal_gb, plan_workers

CORES = 8


def cards(*totals_gb: float, free_gb: float | None = None) -> list[Gpu]:
    return [Gpu(n, "NVIDIA card", gb, gb if free_gb is None else free_gb) for n, gb in enumerate(totals_gb)]


def plan(found: list[Gpu], **pool: object) -> SizingPlan:
    return plan_workers(found, PoolConfig(**pool), CORES)


def workers(found: list[Gpu], **pool: object) -> list[int]:
    return list(plan(found, **pool).workers.values())


@pytest.mark.parametrize("multiprocess", ["auto", True])
@pytest.mark.parametrize(
    ("totals_gb", "model_memory_gb", "expected"),
    [
        ((24,), 8, [2]),
        ((24,), 6, [3]),
        ((24,), 7, [3]),
        ((16,), 8, [1]),
        ((16,), 7, [2]),
        ((24, 24), 8, [2, 2]),
        ((24, 24), 6, [3, 3]),
        ((12, 12), 9, [1, 1]),
        ((80,), 8, [9]),
        ((80,), 6.5, [11]),
    ],
)
def test_the_contracts_table(
    totals_gb: tuple[float, ...], model_memory_gb: float, expected: list[int], multiprocess: object
) -> None:
    """Every row, for "auto" and for true."""
    assert expected == workers(cards(*totals_gb), model_memory_gb=model_memory_gb, multiprocess=multiprocess)


@pytest.mark.parametrize(
    ("reported_gb", "counted_gb"),
    [(79.65, 80), (23.99, 24), (15.99, 16), (24, 24), (79.6, 80), (79.59, 79.59), (39.5, 39.5), (47.4, 47.4)],
)
def test_a_hair_under_a_whole_number_counts_as_it(reported_gb: float, counted_gb: float) -> None:
    """Cards report up to 0.5 % under what is printed on the box."""
    assert counted_gb == nominal_gb(reported_gb)


def test_an_h100_runs_nine_workers_of_eight() -> None:
    """Without the 0.5 % rule 79.65 GB would make it eight."""
    assert [9] == workers(cards(79.65, free_gb=79.1), model_memory_gb=8)
    assert [8] == workers(cards(79.5), model_memory_gb=8)


def test_other_programs_memory_counts() -> None:
    """With 15 GB of 24 free there is room for one worker, not two."""
    assert [1] == workers(cards(24, free_gb=15))


def test_our_own_workers_memory_is_room() -> None:
    """At a resize the running workers must not be taken for other programs."""
    assert [2] == workers([Gpu(0, "NVIDIA card", 24, 7.5, ours_gb=16)])


def test_a_reload_does_not_shrink_the_pool() -> None:
    """Two running workers of 8 GB leave 7.5 free; without processes by NVML they still count as ours."""
    running = plan(cards(24))
    found = counting_ours([Gpu(0, "NVIDIA card", 24, 7.5)], running)

    assert [16.0] == [card.ours_gb for card in found]
    assert running.workers == plan(found).workers


def test_at_a_reload_other_programs_still_count() -> None:
    """Beyond our workers' budgets, what is in use is somebody else's."""
    found = counting_ours([Gpu(0, "NVIDIA card", 24, 1)], plan(cards(24), workers_per_gpu={0: 1}))

    assert [1] == workers(found)


def test_what_nvml_tells_of_our_processes_is_kept() -> None:
    """A measured figure wins over the budget."""
    told = Gpu(0, "NVIDIA card", 24, 10, ours_gb=5)

    assert [told] == counting_ours([told], plan(cards(24)))


@pytest.mark.parametrize(
    ("totals_gb", "multiprocess", "expected"),
    [
        ((12,), "auto", [1]),
        ((12,), True, [2]),
        ((15.99,), "auto", [2]),
        ((12, 12), "auto", [2, 2]),
        ((24,), False, [1]),
        ((24, 24), False, [1, 0]),
    ],
)
def test_the_multiprocess_modes(
    totals_gb: tuple[float, ...], multiprocess: object, expected: list[int]
) -> None:
    """ "auto" keeps to one worker on a single card under 16 GB; false is one worker in all."""
    assert expected == workers(cards(*totals_gb), model_memory_gb=5, multiprocess=multiprocess)


def test_one_worker_in_all_goes_to_the_emptiest_card() -> None:
    """With multiprocess = false, the card that others use is spared."""
    busy, idle = cards(24, 24)
    assert [0, 1] == workers([Gpu(0, busy.name, 24, 10), idle], multiprocess=False)


def test_cards_of_different_sizes_each_have_their_own_count() -> None:
    """The heuristic is per card; a card without room gets none while another has some."""
    assert [9, 2, 1, 0] == workers(cards(80, 24, 12, 8))


def test_workers_by_hand_win_over_the_heuristic() -> None:
    """A named card gets what is asked, 0 leaves it alone, an unnamed one is reckoned."""
    assert [4, 0, 2] == workers(cards(24, 24, 24), workers_per_gpu={0: 4, 1: 0})


def test_workers_by_hand_win_over_auto_on_a_small_card() -> None:
    """Who writes 2 gets 2."""
    assert [2] == workers(cards(12), model_memory_gb=5, workers_per_gpu={0: 2})


@pytest.mark.parametrize("multiprocess", ["auto", True, False])
def test_without_room_one_worker_runs_on_the_emptiest_card(multiprocess: object) -> None:
    """The daemon tries all the same, and warns with the budget that would fit."""
    found = [Gpu(0, "NVIDIA card", 8, 3), Gpu(1, "NVIDIA card", 8, 7.5)]
    tried = plan(found, multiprocess=multiprocess)

    assert {"gpu:0": 0, "gpu:1": 1} == tried.workers
    assert (
        (
            "GPU 1: 7.20 GB are not enough for 1 worker of 8.00 GB; it may run out of memory. "
            "Free memory on the card, or set pool.model_memory_gb to 7.2 if the model fits in it"
        ),
    ) == tried.warnings


@pytest.mark.parametrize(
    ("cores", "pool", "cpu_default", "expected"),
    [
        (8, PoolConfig(), None, 8),
        (8, PoolConfig(), 1, 1),
        (0, PoolConfig(), None, 1),
        (128, PoolConfig(), None, 32),
        (8, PoolConfig(cpu_workers=3), 1, 3),
        (8, PoolConfig(cpu_workers=3, multiprocess=False), None, 1),
    ],
)
def test_without_a_gpu_cpu_workers_count(
    cores: int, pool: PoolConfig, cpu_default: int | None, expected: int
) -> None:
    """ "auto" is the engine's default, or one worker a core; a number is taken; false is one in all."""
    assert {"cpu": expected} == plan_workers([], pool, cores, cpu_default=cpu_default).workers


def test_an_engine_for_the_cpu_leaves_the_cards_alone() -> None:
    """The preview engine on a machine with GPUs runs on its cores."""
    assert {"cpu": CORES} == plan_workers(cards(24), PoolConfig(), CORES, cpu_only=True).workers


@given(
    totals_gb=st.lists(st.floats(1, 200), min_size=1, max_size=8),
    model_memory_gb=st.floats(0.1, 100),
    usable_fraction=st.floats(0.05, 1),
    multiprocess=st.sampled_from([True, False, "auto"]),
)
def test_a_plan_always_runs_something_and_never_overfills(
    totals_gb: list[float], model_memory_gb: float, usable_fraction: float, multiprocess: object
) -> None:
    """Whatever the cards: at least one worker, and none beyond the memory but a single last resort."""
    made = plan(
        cards(*totals_gb),
        model_memory_gb=model_memory_gb,
        usable_fraction=usable_fraction,
        multiprocess=multiprocess,
    )

    assert made.total >= 1
    fitting = all(share.workers * share.budget_gb <= share.available_gb * (1 + 1e-6) for share in made.shares)
    assert fitting or made.total == 1
