"""How many workers run on which device: from GPUs and configuration to a plan and its log lines.

The heuristic: a GPU has room for `floor(total_gb × usable_fraction / model_memory_gb)` workers. The memory
that other programs hold, `workers_per_gpu` and `multiprocess` change that number; the lines say which did.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from fishd.core.config.config import resolve_engine
from fishd.core.sizing.model import CPU, SMALL_GPU_GB, Device, DeviceShare, Gpu, SizingPlan
from fishd.core.sizing.plan_text import gpu_lines, main_lines, warnings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fishd.core.config.config import Config, PoolConfig

_ROUNDING = 0.005  # a GPU that reports this share less than a whole number of GB counts as that number
_MAX_AUTO_CPU_WORKERS = 32  # a preview worker takes half a GB, and many cores do not mean much memory


def plan_for(config: Config, gpus: Sequence[Gpu], cpu_count: int, *, mps: bool | None = None) -> SizingPlan:
    """The plan for a configuration: its engine decides whether GPUs are used. `mps`: as in plan_workers."""
    engine, _ = resolve_engine(config)
    if engine == "openai":
        return _plan_server(config.pool, cpu_count, gpus)
    return plan_workers(
        gpus,
        config.pool,
        cpu_count,
        cpu_default=1 if engine == "fish" else None,
        cpu_only=engine == "preview",
        mps=mps,
    )


def plan_workers(
    gpus: Sequence[Gpu],
    pool: PoolConfig,
    cpu_count: int,
    *,
    cpu_default: int | None = None,
    cpu_only: bool = False,
    mps: bool | None = None,
) -> SizingPlan:
    """The plan for these GPUs; without any, or for an engine that is `cpu_only`, a plan for the CPU.

    `cpu_default` is what `cpu_workers = "auto"` means for the engine; None is one worker per core. `mps`:
    whether CUDA's Multi-Process Service runs; None if that is unknown, which gives no warning.
    """
    if cpu_only or not gpus:
        return _plan_cpu(pool, cpu_count, cpu_default, gpus, one_thread=cpu_only)
    counts = _counts(gpus, pool)
    threads = cpu_count // sum(counts)
    shares = [_share(gpu, pool, count, threads) for gpu, count in zip(gpus, counts, strict=True)]
    lines = (*(line for share in shares for line in gpu_lines(share, pool)), *main_lines(shares, pool))
    return SizingPlan(tuple(shares), lines, tuple(warnings(shares, pool, mps)))


def nominal_gb(reported_gb: float) -> float:
    """A GPU's memory: what it reports, or the whole number that it is at most 0.5 % under (79.65: 80)."""
    whole = math.ceil(reported_gb)
    return float(whole) if whole - reported_gb <= whole * _ROUNDING + 1e-9 else reported_gb


def room_for(available_gb: float, model_memory_gb: float) -> int:
    """How many budgets fit; a rounding error of a float does not cost a worker."""
    return math.floor(available_gb / model_memory_gb + 1e-9)


def available_on(gpu: Gpu, usable_fraction: float) -> float:
    """The GiB that workers may use: the usable fraction, or what other programs leave if that is less."""
    return min(nominal_gb(gpu.total_gb) * usable_fraction, gpu.free_gb + gpu.ours_gb)


def with_own_memory(gpus: Sequence[Gpu], running: SizingPlan) -> list[Gpu]:
    """The GPUs for a resize, where the memory of the running plan's workers is available to the new one's.

    Where NVML reports no memory by process, as often in containers, the memory in use is taken to be our
    workers' up to their budgets.
    """
    budgets = {share.device.id: share.workers * share.budget_gb for share in running.shares}
    return [
        gpu
        if gpu.ours_gb
        else replace(gpu, ours_gb=min(gpu.total_gb - gpu.free_gb, budgets.get(gpu.device, 0.0)))
        for gpu in gpus
    ]


def _share(gpu: Gpu, pool: PoolConfig, workers: int, threads: int) -> DeviceShare:
    return DeviceShare(
        device=_gpu(gpu, threads),
        workers=workers,
        room=_room(gpu, pool),
        total_gb=nominal_gb(gpu.total_gb),
        available_gb=available_on(gpu, pool.usable_fraction),
        budget_gb=pool.model_memory_gb,
    )


def _room(gpu: Gpu, pool: PoolConfig) -> int:
    return room_for(available_on(gpu, pool.usable_fraction), pool.model_memory_gb)


def _counts(gpus: Sequence[Gpu], pool: PoolConfig) -> list[int]:
    """Workers for each GPU, in the order of `gpus`; at least one in total."""
    by_hand = pool.workers_per_gpu
    counts = [by_hand.get(gpu.index, _room(gpu, pool)) for gpu in gpus]
    if pool.multiprocess == "auto" and len(gpus) == 1 and gpus[0].index not in by_hand:
        small = nominal_gb(gpus[0].total_gb) < SMALL_GPU_GB
        counts = [min(1, counts[0])] if small else counts
    if pool.multiprocess is False or not any(counts):
        chosen = _most_free(gpus, [n for n, count in enumerate(counts) if count] or range(len(gpus)))
        counts = [int(n == chosen) for n in range(len(gpus))]
    return counts


def _most_free(gpus: Sequence[Gpu], among: Sequence[int]) -> int:
    return max(among, key=lambda n: gpus[n].free_gb + gpus[n].ours_gb)


def _plan_cpu(
    pool: PoolConfig, cpu_count: int, cpu_default: int | None, gpus: Sequence[Gpu], *, one_thread: bool
) -> SizingPlan:
    """`one_thread`: each worker computes in one thread, as more would only spin where matrices are small."""
    workers = _cpu_workers(pool, cpu_count, cpu_default)
    threads = _threads(1 if one_thread else cpu_count // workers)
    device = Device(CPU, "CPU", "CPU", "cpu", {"CUDA_VISIBLE_DEVICES": "", **threads})
    why = f"This engine runs on the CPU: {len(gpus)} GPU(s) not used" if gpus else "No GPU found"
    lines = (f"[Main] {why}", f"[Main] Using {workers} parallel workers on the CPU")
    has_no_effect = not gpus and pool.workers_per_gpu
    warnings = ("pool.workers_per_gpu is set, but no GPU was found",) if has_no_effect else ()
    return SizingPlan((DeviceShare(device, workers),), lines, warnings)


def _plan_server(pool: PoolConfig, cpu_count: int, gpus: Sequence[Gpu]) -> SizingPlan:
    """Speech comes from a server: one process holds all requests, and nothing here computes."""
    on_cpu = _plan_cpu(pool, cpu_count, 1, gpus, one_thread=True)
    unused = f": {len(gpus)} GPU(s) not used" if gpus else ""
    lines = (f"[Main] Speech comes from a server{unused}", *on_cpu.lines[1:])
    return replace(on_cpu, lines=lines, warnings=(), is_remote=True)


def _cpu_workers(pool: PoolConfig, cpu_count: int, cpu_default: int | None) -> int:
    if pool.multiprocess is False:
        return 1
    if pool.cpu_workers != "auto":
        return pool.cpu_workers
    return max(1, min(cpu_default or cpu_count, cpu_count, _MAX_AUTO_CPU_WORKERS))


def _gpu(gpu: Gpu, threads: int) -> Device:
    env = {
        "CUDA_VISIBLE_DEVICES": gpu.uuid or str(gpu.index),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # NVML's order; CUDA's own puts the fastest GPU first
        **_threads(threads),
    }
    return Device(f"gpu:{gpu.index}", gpu.name, f"GPU {gpu.index}", "cuda:0", env)


def _threads(threads: int) -> dict[str, str]:
    """Waiting threads must not spin: two workers of two threads each, on two cores, were 12 times slower."""
    return {"OMP_NUM_THREADS": str(max(1, threads)), "GOMP_SPINCOUNT": "0"}
