"""The log lines of a plan, word for word, and its warnings."""

from __future__ import annotations

import pytest

from fishd.core.config.config import Config, EngineConfig, PoolConfig
from fishd.core.sizing.model import Gpu, SizingPlan
from fishd.core.sizing.plan import plan_for, plan_workers

RTX_4090 = Gpu(0, "NVIDIA GeForce RTX 4090", 23.99, 23.5, uuid="GPU-1234")
RTX_3060 = Gpu(1, "NVIDIA GeForce RTX 3060", 12.0, 11.6)


def plan(*gpus: Gpu, mps: bool | None = None, **pool: object) -> SizingPlan:
    return plan_workers(gpus, PoolConfig(**pool), 8, mps=mps)


def test_the_lines_of_one_gpu() -> None:
    """Exactly these, in this order."""
    assert (
        "[GPU 0] NVIDIA GeForce RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Can run 2 workers (Available: 21.60 GB)",
        "[Main] Using 2 parallel workers across 1 GPU(s)",
        "[Main] GPU 0: 2 workers",
    ) == plan(RTX_4090).lines


def test_the_lines_of_two_gpus_end_with_the_sum() -> None:
    """The form is the same for one worker and for several."""
    assert (
        "[GPU 0] NVIDIA GeForce RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Can run 2 workers (Available: 21.60 GB)",
        "[GPU 1] NVIDIA GeForce RTX 3060, Total Memory: 12.00 GB",
        "[GPU 1] Can run 1 workers (Available: 10.80 GB)",
        "[Main] Using 3 parallel workers across 2 GPU(s)",
        "[Main] GPU 0: 2 workers",
        "[Main] GPU 1: 1 workers",
    ) == plan(RTX_4090, RTX_3060).lines


def test_memory_of_other_programs_has_a_line() -> None:
    """It says why fewer workers run than before."""
    assert (
        "[GPU 0] NVIDIA GeForce RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Other programs hold 9.00 GB: 15.00 GB of the usable 21.60 GB are free",
        "[GPU 0] Can run 1 workers (Available: 15.00 GB)",
    ) == plan(Gpu(0, RTX_4090.name, 24.0, 15.0)).lines[:3]


@pytest.mark.parametrize(
    ("gpu", "pool", "why"),
    [
        (RTX_4090, {"multiprocess": False}, "[Main] multiprocess = false: one worker in all"),
        (RTX_4090, {"workers_per_gpu": {0: 1}}, "[Main] pool.workers_per_gpu sets the number of workers"),
        (
            RTX_3060,
            {"model_memory_gb": 5.0},
            '[Main] multiprocess = "auto": one worker on a single GPU under 16 GB; true: as many as fit',
        ),
        (
            RTX_3060,
            {"model_memory_gb": 11.0},
            "[Main] No room for a worker on any GPU: one is started anyway, where most memory is free",
        ),
    ],
)
def test_another_number_of_workers_than_fits_is_explained(
    gpu: Gpu, pool: dict[str, object], why: str
) -> None:
    """In the line before the number of workers."""
    lines = plan(gpu, **pool).lines

    assert (why, "[Main] Using 1 parallel workers across 1 GPU(s)") == lines[2:4]


def test_without_a_gpu_the_lines_say_so() -> None:
    """In the same form, for the CPU."""
    assert ("[Main] No GPU found", "[Main] Using 8 parallel workers on the CPU") == plan().lines


def test_the_preview_engine_on_a_gpu_machine_says_that_the_gpus_are_not_used() -> None:
    """It runs on the CPU."""
    assert (
        "[Main] This engine runs on the CPU: 1 GPU(s) not used",
        "[Main] Using 4 parallel workers on the CPU",
    ) == plan_for(Config(), [RTX_4090], 4).lines


def test_fish_on_a_cpu_runs_one_worker() -> None:
    """One with a large batch is fastest, as measured."""
    config = Config(engine=EngineConfig(name="fish"))

    assert ({"cpu": 1}, {"gpu:0": 2}) == (
        plan_for(config, [], 8).workers,
        plan_for(config, [RTX_4090], 8).workers,
    )


def test_a_custom_engine_uses_the_gpus() -> None:
    """Only the preview engine is known to need none."""
    assert {"gpu:0": 2} == plan_for(Config(engine=EngineConfig(name="a.b:c")), [RTX_4090], 8).workers


def test_a_gpu_in_workers_per_gpu_that_does_not_exist_is_a_warning() -> None:
    """A typing error, or a GPU that is gone."""
    assert ("pool.workers_per_gpu names GPU 3, but the GPUs here are GPU 0, GPU 1",) == plan(
        RTX_4090, RTX_3060, workers_per_gpu={3: 1}
    ).warnings
    assert ("pool.workers_per_gpu is set, but no GPU was found",) == plan(workers_per_gpu={0: 1}).warnings


def test_more_workers_per_gpu_than_fit_run_with_a_warning() -> None:
    """The warning names the budget that fits."""
    overfull = plan(RTX_4090, workers_per_gpu={0: 4})

    assert {"gpu:0": 4} == overfull.workers
    assert (
        (
            "GPU 0: 21.60 GB are not enough for 4 workers of 8.00 GB, which may run out of memory; "
            "free memory on the GPU, or set pool.model_memory_gb to 5.4 if the model fits in that"
        ),
    ) == overfull.warnings


def test_several_workers_on_a_gpu_without_mps_are_a_warning() -> None:
    """One for all such GPUs, and only where MPS is known not to run; a single worker needs none."""
    assert (
        (
            "GPU 0: without MPS, the workers of one GPU take turns; start MPS "
            "(`nvidia-cuda-mps-control -d`), or run one worker with the budget of all"
        ),
    ) == plan(RTX_4090, RTX_3060, mps=False).warnings
    (both,) = plan(RTX_4090, RTX_3060, mps=False, model_memory_gb=5.0).warnings
    assert both.startswith("GPU 0, GPU 1: without MPS, ")
    assert ((), ()) == (plan(RTX_4090, mps=True).warnings, plan(RTX_4090).warnings)


def test_a_worker_sees_only_its_gpu() -> None:
    """By its UUID if that is known; the worker's device is always cuda:0."""
    first, second = (share.device for share in plan(RTX_4090, RTX_3060).shares)

    assert ("gpu:0", "GPU 0", "cuda:0", "GPU-1234") == (
        first.id,
        first.label,
        first.torch_device,
        first.env["CUDA_VISIBLE_DEVICES"],
    )
    assert ("1", "PCI_BUS_ID") == (second.env["CUDA_VISIBLE_DEVICES"], second.env["CUDA_DEVICE_ORDER"])


def test_workers_share_the_cores() -> None:
    """Each has its share of threads, as more of them slow each other down."""
    (gpu,) = plan(RTX_4090).shares
    (cpu,) = plan().shares

    assert {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0", "CUDA_VISIBLE_DEVICES": ""} == cpu.device.env
    assert ("4", "0") == (gpu.device.env["OMP_NUM_THREADS"], gpu.device.env["GOMP_SPINCOUNT"])


@pytest.mark.parametrize(
    ("gpus", "unused"), [([], ""), ([RTX_4090, RTX_3060], ": 2 GPU(s) not used")], ids=["none", "two"]
)
def test_a_server_that_speaks_needs_one_worker_and_no_gpu(gpus: list[Gpu], unused: str) -> None:
    """Whatever GPUs and cores there are; a number of workers that is set holds."""
    server = EngineConfig("openai")
    one = plan_for(Config(engine=server), gpus, 8)
    two = plan_for(Config(engine=server, pool=PoolConfig(cpu_workers=2, workers_per_gpu={0: 4})), gpus, 8)

    assert (
        f"[Main] Speech comes from a server{unused}",
        "[Main] Using 1 parallel workers on the CPU",
    ) == one.lines
    assert ({"cpu": 1}, {"cpu": 2}) == (one.workers, two.workers)
    assert ((), ()) == (one.warnings, two.warnings)
    assert "1" == one.shares[0].device.env["OMP_NUM_THREADS"]


def test_a_cpu_only_engine_gets_one_thread_per_worker() -> None:
    """Its matrices are small: with a second thread, one worker ran 3 times slower."""
    config = Config(pool=PoolConfig(cpu_workers=1))
    (share,) = plan_for(config, [], 2).shares

    assert "1" == share.device.env["OMP_NUM_THREADS"]
