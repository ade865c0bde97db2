"""The log lines and warnings of a plan. The form of the lines is fixed, as programs read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fishd.core.sizing.model import SMALL_GPU_GB
from fishd.core.text.humanize import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fishd.core.config.config import PoolConfig
    from fishd.core.sizing.model import DeviceShare


def gpu_lines(share: DeviceShare, pool: PoolConfig) -> Iterator[str]:
    """A GPU's memory and its room for workers ("1 workers" is part of the fixed form)."""
    gpu = f"[{share.device.label}]"
    yield f"{gpu} {share.device.name}, Total Memory: {share.total_gb:.2f} GB"
    usable_gb = share.total_gb * pool.usable_fraction
    if share.available_gb < usable_gb:
        others_gb = share.total_gb - share.available_gb
        free = f"{share.available_gb:.2f} GB of the usable {usable_gb:.2f} GB are free"
        yield f"{gpu} Other programs hold {others_gb:.2f} GB: {free}"
    yield f"{gpu} Can run {share.room} workers (Available: {share.available_gb:.2f} GB)"


def main_lines(shares: Sequence[DeviceShare], pool: PoolConfig) -> Iterator[str]:
    """The workers of the pool, and why they are not as many as there is room for."""
    used = [share for share in shares if share.workers]
    if any(share.workers != share.room for share in shares):
        yield f"[Main] {_why_not_room(shares, pool)}"
    yield f"[Main] Using {sum(share.workers for share in used)} parallel workers across {len(used)} GPU(s)"
    for share in used:
        yield f"[Main] {share.device.label}: {share.workers} workers"


def warnings(shares: Sequence[DeviceShare], pool: PoolConfig, mps: bool | None) -> Iterator[str]:
    """What may go wrong with this plan, each with its fix. `mps`: as in plan_workers."""
    found = {share.device.id: share.device.label for share in shares}
    for index in sorted(pool.workers_per_gpu):
        if f"gpu:{index}" not in found:
            yield f"pool.workers_per_gpu names GPU {index}, but the GPUs here are {', '.join(found.values())}"
    for share in shares:
        if share.workers > share.room:
            yield _too_little_memory(share)
    if mps is False and (sharing := [share.device.label for share in shares if share.workers > 1]):
        yield (
            f"{', '.join(sharing)}: without MPS, the workers of one GPU take turns; start MPS "
            "(`nvidia-cuda-mps-control -d`), or run one worker with the budget of all"
        )


def floor_gb(gb: float) -> float:
    """Rounded down to a tenth of a GB: a proposed budget must fit."""
    return math.floor(gb * 10 + 1e-9) / 10


def _why_not_room(shares: Sequence[DeviceShare], pool: PoolConfig) -> str:
    if pool.multiprocess is False:
        return "multiprocess = false: one worker in all"
    if pool.workers_per_gpu and any(share.room for share in shares):
        return "pool.workers_per_gpu sets the number of workers"
    if not any(share.room for share in shares):
        return "No room for a worker on any GPU: one is started anyway, where most memory is free"
    small = f"one worker on a single GPU under {SMALL_GPU_GB:g} GB"
    return f'multiprocess = "auto": {small}; true: as many as fit'


def _too_little_memory(share: DeviceShare) -> str:
    """Of more workers than the heuristic allows: set by hand, or the one that always runs."""
    needs = f"{count(share.workers, 'worker')} of {share.budget_gb:.2f} GB"
    fits_gb = floor_gb(share.available_gb / share.workers)
    fix = f", or set pool.model_memory_gb to {fits_gb:g} if the model fits in that" if fits_gb > 0 else ""
    return (
        f"{share.device.label}: {share.available_gb:.2f} GB are not enough for {needs}, "
        f"which may run out of memory; free memory on the GPU{fix}"
    )
