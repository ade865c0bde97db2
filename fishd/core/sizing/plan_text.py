"""What a plan says of itself: the contract's log lines, word for word, and the doubts, each with its mend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fishd.core.sizing.model import SMALL_GPU_GB

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fishd.core.config.config import PoolConfig
    from fishd.core.sizing.model import DeviceShare


def card_lines(share: DeviceShare, pool: PoolConfig) -> Iterator[str]:
    """A card's lines; "1 workers" is meant: the form is fixed, for those who read it with a program."""
    card = f"[{share.device.label}]"
    yield f"{card} {share.device.name}, Total Memory: {share.total_gb:.2f} GB"
    usable_gb = share.total_gb * pool.usable_fraction
    if share.available_gb < usable_gb:
        others_gb = share.total_gb - share.available_gb
        free = f"{share.available_gb:.2f} GB are free of {usable_gb:.2f} GB usable"
        yield f"{card} Other programs hold {others_gb:.2f} GB: {free}"
    yield f"{card} Can run {share.room} workers (Available: {share.available_gb:.2f} GB)"


def main_lines(shares: Sequence[DeviceShare], pool: PoolConfig) -> Iterator[str]:
    """What the pool does with the cards, and why it differs from what they can run."""
    used = [share for share in shares if share.workers]
    if any(share.workers != share.room for share in shares):
        yield f"[Main] {_why_not_all(shares, pool)}"
    yield f"[Main] Using {sum(share.workers for share in used)} parallel workers across {len(used)} GPU(s)"
    for share in used:
        yield f"[Main] {share.device.label}: {share.workers} workers"


def warnings(shares: Sequence[DeviceShare], pool: PoolConfig, mps: bool | None) -> Iterator[str]:
    """What may go wrong with this plan, each with the mend. `mps` None: not known, not spoken of."""
    here = {share.device.id: share.device.label for share in shares}
    for index in sorted(pool.workers_per_gpu):
        if f"gpu:{index}" not in here:
            yield f"pool.workers_per_gpu names GPU {index}, but here are only {', '.join(here.values())}"
    for share in shares:
        if share.workers > share.room:
            yield _no_room(share)
        if share.workers > 1 and mps is False:
            yield (
                f"{share.device.label}: without MPS {share.workers} workers take turns on the card; start it "
                "(`nvidia-cuda-mps-control -d`), or give one worker the whole card's budget"
            )


def floor_gb(gb: float) -> float:
    """To a tenth of a GB, downwards: a budget that is proposed must fit."""
    return math.floor(gb * 10 + 1e-9) / 10


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _why_not_all(shares: Sequence[DeviceShare], pool: PoolConfig) -> str:
    if pool.multiprocess is False:
        return "multiprocess = false: one worker in all"
    if pool.workers_per_gpu and any(share.room for share in shares):
        return "Workers set by hand: pool.workers_per_gpu"
    if not any(share.room for share in shares):
        return "No room for a worker on any card: one all the same, on the emptiest"
    return (
        f'multiprocess = "auto": one worker on a single card under {SMALL_GPU_GB:g} GB; true: as many as fit'
    )


def _no_room(share: DeviceShare) -> str:
    """More workers than memory: by hand, or the one that always runs."""
    needs = f"{count(share.workers, 'worker')} of {share.budget_gb:.2f} GB"
    fits = floor_gb(share.available_gb / share.workers)
    mend = f", or set pool.model_memory_gb to {fits:g} if the model fits in it" if fits > 0 else ""
    return (
        f"{share.device.label}: {share.available_gb:.2f} GB are not enough for {needs}; "
        f"it may run out of memory. Free memory on the card{mend}"
    )
