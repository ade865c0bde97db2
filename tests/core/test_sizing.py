"""The number of workers on each device: the documented table, and what changes its figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.config.config import PoolConfig
from fishd.core.sizing.model import Gpu, SizingPlan
from fishd.core.sizing.plan import nominal_gb, plan_workers, with_own_memory

CORES = 8


def gpus(*totals_gb: float, free_gb: float | None = None) -> list[Gpu]:
    return [Gpu(n, "NVIDIA GPU", gb, gb if free_gb is None else free_gb) for n, gb in enumerate(totals_gb)]


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
def test_the_documented_table_of_workers(
    totals_gb: tuple[float, ...], model_memory_gb: float, expected: list[int], multiprocess: object
) -> None:
    """Every row, for "auto" and for true."""
    assert expected == workers(gpus(*totals_gb), model_memory_gb=model_memory_gb, multiprocess=multiprocess)


@pytest.mark.parametrize(
    ("reported_gb", "counted_gb"),
    [(79.65, 80), (23.99, 24), (15.99, 16), (24, 24), (79.6, 80), (79.59, 79.59), (39.5, 39.5), (47.4, 47.4)],
)
def test_memory_just_under_a_whole_number_is_rounded_up(reported_gb: float, counted_gb: float) -> None:
    """GPUs report up to 0.5 % less than their nominal memory."""
    assert counted_gb == nominal_gb(reported_gb)


def test_an_h100_runs_nine_workers_of_8_gb() -> None:
    """Without rounding, 79.65 GB would give room for eight."""
    assert [9] == workers(gpus(79.65, free_gb=79.1), model_memory_gb=8)
    assert [8] == workers(gpus(79.5), model_memory_gb=8)


def test_memory_of_other_programs_is_not_available() -> None:
    """With 15 GB of 24 free there is room for one worker, not two."""
    assert [1] == workers(gpus(24, free_gb=15))


def test_memory_of_our_own_workers_is_available() -> None:
    """At a resize, running workers are not taken for other programs."""
    assert [2] == workers([Gpu(0, "NVIDIA GPU", 24, 7.5, ours_gb=16)])


def test_a_reload_does_not_shrink_the_pool() -> None:
    """The budgets of two running workers count as ours where NVML reports no memory by process."""
    running = plan(gpus(24))
    found = with_own_memory([Gpu(0, "NVIDIA GPU", 24, 7.5)], running)

    assert [16.0] == [gpu.ours_gb for gpu in found]
    assert running.workers == plan(found).workers


def test_at_a_reload_memory_of_other_programs_is_not_available() -> None:
    """Memory in use beyond our workers' budgets is theirs."""
    found = with_own_memory([Gpu(0, "NVIDIA GPU", 24, 1)], plan(gpus(24), workers_per_gpu={0: 1}))

    assert [1] == workers(found)


def test_memory_that_nvml_reports_for_our_processes_is_used() -> None:
    """A measurement wins over the budget."""
    measured = Gpu(0, "NVIDIA GPU", 24, 10, ours_gb=5)

    assert [measured] == with_own_memory([measured], plan(gpus(24)))


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
    """ "auto" runs one worker on a single GPU under 16 GB; false runs one worker in total."""
    assert expected == workers(gpus(*totals_gb), model_memory_gb=5, multiprocess=multiprocess)


def test_a_single_worker_runs_on_the_gpu_with_the_most_free_memory() -> None:
    """With multiprocess = false and several GPUs."""
    busy, idle = gpus(24, 24)
    assert [0, 1] == workers([Gpu(0, busy.name, 24, 10), idle], multiprocess=False)


def test_each_gpu_has_its_own_number_of_workers() -> None:
    """One without room gets none if another has room."""
    assert [9, 2, 1, 0] == workers(gpus(80, 24, 12, 8))


def test_workers_per_gpu_win_over_the_heuristic() -> None:
    """0 leaves a GPU unused; a GPU that is not named gets what fits."""
    assert [4, 0, 2] == workers(gpus(24, 24, 24), workers_per_gpu={0: 4, 1: 0})


def test_workers_per_gpu_win_over_auto_on_a_small_gpu() -> None:
    """A single GPU under 16 GB may run two workers."""
    assert [2] == workers(gpus(12), model_memory_gb=5, workers_per_gpu={0: 2})


@pytest.mark.parametrize("multiprocess", ["auto", True, False])
def test_without_room_one_worker_runs_anyway(multiprocess: object) -> None:
    """On the GPU with the most free memory, and with a warning that names the budget that fits."""
    found = [Gpu(0, "NVIDIA GPU", 8, 3), Gpu(1, "NVIDIA GPU", 8, 7.5)]
    tried = plan(found, multiprocess=multiprocess)

    assert {"gpu:0": 0, "gpu:1": 1} == tried.workers
    assert (
        (
            "GPU 1: 7.20 GB are not enough for 1 worker of 8.00 GB, which may run out of memory; "
            "free memory on the GPU, or set pool.model_memory_gb to 7.2 if the model fits in that"
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
def test_without_a_gpu_cpu_workers_decides(
    cores: int, pool: PoolConfig, cpu_default: int | None, expected: int
) -> None:
    """ "auto" is the engine's default, or one worker per core; multiprocess = false is one in total."""
    assert {"cpu": expected} == plan_workers([], pool, cores, cpu_default=cpu_default).workers


def test_an_engine_for_the_cpu_uses_no_gpu() -> None:
    """The preview engine runs on the cores, also of a machine with GPUs."""
    assert {"cpu": CORES} == plan_workers(gpus(24), PoolConfig(), CORES, cpu_only=True).workers


@given(
    totals_gb=st.lists(st.floats(1, 200), min_size=1, max_size=8),
    model_memory_gb=st.floats(0.1, 100),
    usable_fraction=st.floats(0.05, 1),
    multiprocess=st.sampled_from([True, False, "auto"]),
)
def test_a_plan_always_runs_something_and_never_overfills(
    totals_gb: list[float], model_memory_gb: float, usable_fraction: float, multiprocess: object
) -> None:
    """Any GPUs run at least one worker, and only a single worker may exceed the available memory."""
    made = plan(
        gpus(*totals_gb),
        model_memory_gb=model_memory_gb,
        usable_fraction=usable_fraction,
        multiprocess=multiprocess,
    )

    assert made.total >= 1
    fitting = all(share.workers * share.budget_gb <= share.available_gb * (1 + 1e-6) for share in made.shares)
    assert fitting or made.total == 1
