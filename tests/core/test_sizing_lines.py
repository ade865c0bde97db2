"""What the plan says: the contract's lines to the letter, and its warnings."""

from __future__ import annotations

import pytest

from fishd.core.config.config import Config, EngineConfig, PoolConfig
from fishd.core.sizing.model import Gpu, SizingPlan
from fishd.core.sizing.plan import plan_for, plan_workers

RTX_4090 = Gpu(0, "NVIDIA GeForce RTX 4090", 23.99, 23.5, uuid="GPU-1234")
RTX_3060 = Gpu(1, "NVIDIA GeForce RTX 3060", 12.0, 11.6)


def plan(*cards: Gpu, mps: bool | None = None, **pool: object) -> SizingPlan:
    return plan_workers(cards, PoolConfig(**pool), 8, mps=mps)


def test_one_card_says_the_contracts_lines() -> None:
    """Exactly these lines, in this order."""
    assert (
        "[GPU 0] NVIDIA GeForce RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Can run 2 workers (Available: 21.60 GB)",
        "[Main] Using 2 parallel workers across 1 GPU(s)",
        "[Main] GPU 0: 2 workers",
    ) == plan(RTX_4090).lines


def test_two_cards_say_theirs_first_and_then_the_sum() -> None:
    """The number of workers is always in the same form, one or many."""
    assert (
        "[GPU 0] NVIDIA GeForce RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Can run 2 workers (Available: 21.60 GB)",
        "[GPU 1] NVIDIA GeForce RTX 3060, Total Memory: 12.00 GB",
        "[GPU 1] Can run 1 workers (Available: 10.80 GB)",
        "[Main] Using 3 parallel workers across 2 GPU(s)",
        "[Main] GPU 0: 2 workers",
        "[Main] GPU 1: 1 workers",
    ) == plan(RTX_4090, RTX_3060).lines


def test_other_programs_memory_is_said() -> None:
    """The log tells why there are fewer workers than yesterday."""
    assert (
        "[GPU 0] NVIDIA GeForce RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Other programs hold 9.00 GB: 15.00 GB are free of 21.60 GB usable",
        "[GPU 0] Can run 1 workers (Available: 15.00 GB)",
    ) == plan(Gpu(0, RTX_4090.name, 24.0, 15.0)).lines[:3]


@pytest.mark.parametrize(
    ("card", "pool", "why"),
    [
        (RTX_4090, {"multiprocess": False}, "[Main] multiprocess = false: one worker in all"),
        (RTX_4090, {"workers_per_gpu": {0: 1}}, "[Main] Workers set by hand: pool.workers_per_gpu"),
        (
            RTX_3060,
            {"model_memory_gb": 5.0},
            '[Main] multiprocess = "auto": one worker on a single card under 16 GB; true: as many as fit',
        ),
        (
            RTX_3060,
            {"model_memory_gb": 11.0},
            "[Main] No room for a worker on any card: one all the same, on the emptiest",
        ),
    ],
)
def test_a_count_that_is_not_the_heuristics_is_explained(
    card: Gpu, pool: dict[str, object], why: str
) -> None:
    """ "Only one worker?" is answered in the log itself."""
    lines = plan(card, **pool).lines

    assert (why, "[Main] Using 1 parallel workers across 1 GPU(s)") == lines[2:4]


def test_without_a_gpu_the_lines_say_so() -> None:
    """The same form, for the CPU."""
    assert ("[Main] No GPU found", "[Main] Using 8 parallel workers on the CPU") == plan().lines


def test_a_preview_on_a_gpu_machine_says_why_the_cards_rest() -> None:
    """The engine decides; the log says that the card is not used."""
    assert (
        "[Main] This engine runs on the CPU: 1 GPU(s) not used",
        "[Main] Using 4 parallel workers on the CPU",
    ) == plan_for(Config(), [RTX_4090], 4).lines


def test_fish_on_a_cpu_is_one_worker() -> None:
    """One worker with a large batch, by measurement."""
    config = Config(engine=EngineConfig(name="fish"))

    assert ({"cpu": 1}, {"gpu:0": 2}) == (
        plan_for(config, [], 8).workers,
        plan_for(config, [RTX_4090], 8).workers,
    )


def test_an_engine_of_ones_own_uses_the_cards() -> None:
    """What is not the preview is taken for an engine that wants a GPU."""
    assert {"gpu:0": 2} == plan_for(Config(engine=EngineConfig(name="a.b:c")), [RTX_4090], 8).workers


def test_a_card_by_hand_that_is_not_here_is_a_warning() -> None:
    """A card that fell off the bus, or a slip of the finger."""
    assert ("pool.workers_per_gpu names GPU 3, but here are only GPU 0, GPU 1",) == plan(
        RTX_4090, RTX_3060, workers_per_gpu={3: 1}
    ).warnings
    assert ("pool.workers_per_gpu is set, but no GPU was found",) == plan(workers_per_gpu={0: 1}).warnings


def test_more_by_hand_than_fits_is_done_with_a_warning() -> None:
    """The operator's word counts; the warning names the budget that would fit."""
    asked = plan(RTX_4090, workers_per_gpu={0: 4})

    assert {"gpu:0": 4} == asked.workers
    assert (
        (
            "GPU 0: 21.60 GB are not enough for 4 workers of 8.00 GB; it may run out of memory. "
            "Free memory on the card, or set pool.model_memory_gb to 5.4 if the model fits in it"
        ),
    ) == asked.warnings


def test_several_workers_on_a_card_without_mps_are_a_warning() -> None:
    """Only where MPS is known not to run; a card with one worker is well without."""
    assert (
        (
            "GPU 0: without MPS 2 workers take turns on the card; start it "
            "(`nvidia-cuda-mps-control -d`), or give one worker the whole card's budget"
        ),
    ) == plan(RTX_4090, RTX_3060, mps=False).warnings
    assert ((), ()) == (plan(RTX_4090, mps=True).warnings, plan(RTX_4090).warnings)


def test_a_worker_sees_its_card_only() -> None:
    """CUDA_VISIBLE_DEVICES holds the UUID where it is known, so that the worker's device is always cuda:0."""
    first, second = (share.device for share in plan(RTX_4090, RTX_3060).shares)

    assert ("gpu:0", "GPU 0", "cuda:0", "GPU-1234") == (
        first.id,
        first.label,
        first.torch_device,
        first.env["CUDA_VISIBLE_DEVICES"],
    )
    assert ("1", "PCI_BUS_ID") == (second.env["CUDA_VISIBLE_DEVICES"], second.env["CUDA_DEVICE_ORDER"])


def test_workers_share_the_cores() -> None:
    """Threads that spin against each other cost a factor of 12: each worker has its part of the cores."""
    (gpu,) = plan(RTX_4090).shares
    (cpu,) = plan().shares

    assert {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0", "CUDA_VISIBLE_DEVICES": ""} == cpu.device.env
    assert ("4", "0") == (gpu.device.env["OMP_NUM_THREADS"], gpu.device.env["GOMP_SPINCOUNT"])


def test_a_cpu_only_engine_gets_one_thread_a_worker() -> None:
    """Its matrices are small: a second thread only spins, and one worker ran 3 times slower."""
    config = Config(pool=PoolConfig(cpu_workers=1))
    (share,) = plan_for(config, [], 2).shares

    assert "1" == share.device.env["OMP_NUM_THREADS"]
