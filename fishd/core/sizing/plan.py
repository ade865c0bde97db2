"""How many workers, and where: from cards and configuration to a plan and the lines that say it.

Pure: what NVML says comes in as `Card`s, the plan goes out. The heuristic is the contract's: a card has
room for `floor(total_gb × usable_fraction / model_memory_gb)` workers; other programs' memory, a count
set by hand and `multiprocess` change that, and whatever they change is said.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from fishd.core.config.config import resolve_engine
from fishd.core.sizing.model import SMALL_GPU_GB, Device, DeviceShare, Gpu, SizingPlan
from fishd.core.sizing.plan_text import card_lines, main_lines, warnings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fishd.core.config.config import Config, PoolConfig

CPU = "cpu"

_ROUNDING = 0.005  # a card that reports this share less than a whole number of GB counts as that number
_MAX_AUTO_CPU_WORKERS = 32  # a preview worker takes half a gigabyte: many cores do not mean much memory


def plan_for(config: Config, cards: Sequence[Gpu], cpu_count: int, *, mps: bool | None = None) -> SizingPlan:
    """The plan for a configuration: knows which engine uses a GPU, and how many of it suit a CPU."""
    engine, _ = resolve_engine(config)
    return plan_workers(
        cards,
        config.pool,
        cpu_count,
        cpu_default=1 if engine == "fish" else None,
        cpu_only=engine == "preview",
        mps=mps,
    )


def plan_workers(
    cards: Sequence[Gpu],
    pool: PoolConfig,
    cpu_count: int,
    *,
    cpu_default: int | None = None,
    cpu_only: bool = False,
    mps: bool | None = None,
) -> SizingPlan:
    """The plan for these cards; without any, or for an engine that is `cpu_only`, a plan for the CPU.

    `cpu_default` is what `cpu_workers = "auto"` means to the engine; None is one worker a core. `mps` says
    whether CUDA's MPS runs; None is not known, and then nothing is said about it.
    """
    if cpu_only or not cards:
        return _plan_cpu(pool, cpu_count, cpu_default, cards, one_thread=cpu_only)
    counts = _counts(cards, pool)
    threads = cpu_count // sum(counts)
    shares = [_share(card, pool, count, threads) for card, count in zip(cards, counts, strict=True)]
    lines = (*(line for share in shares for line in card_lines(share, pool)), *main_lines(shares, pool))
    return SizingPlan(tuple(shares), lines, tuple(warnings(shares, pool, mps)))


def nominal_gb(reported_gb: float) -> float:
    """A card's memory: what it reports, or the whole number that it is at most 0.5 % under (79.65: 80)."""
    whole = math.ceil(reported_gb)
    return float(whole) if whole - reported_gb <= whole * _ROUNDING + 1e-9 else reported_gb


def room_for(available_gb: float, model_memory_gb: float) -> int:
    """How many budgets fit; the last bit of a float does not cost a worker."""
    return math.floor(available_gb / model_memory_gb + 1e-9)


def available_on(card: Gpu, usable_fraction: float) -> float:
    """What workers may use of a card: its usable part, or what others leave of it if that is less."""
    return min(nominal_gb(card.total_gb) * usable_fraction, card.free_gb + card.ours_gb)


def counting_ours(cards: Sequence[Gpu], running: SizingPlan) -> list[Gpu]:
    """The cards as a resize must see them: what the running plan's workers hold is room for the new one's.

    Where NVML tells no memory by process (in containers it often does not), what is in use on a card counts
    as theirs up to their budgets.
    """
    budgets = {share.device.id: share.workers * share.budget_gb for share in running.shares}
    return [
        card
        if card.ours_gb
        else replace(card, ours_gb=min(card.total_gb - card.free_gb, budgets.get(f"gpu:{card.index}", 0.0)))
        for card in cards
    ]


def _share(card: Gpu, pool: PoolConfig, workers: int, threads: int) -> DeviceShare:
    return DeviceShare(
        device=_gpu(card, threads),
        workers=workers,
        room=_room(card, pool),
        total_gb=nominal_gb(card.total_gb),
        available_gb=available_on(card, pool.usable_fraction),
        budget_gb=pool.model_memory_gb,
    )


def _room(card: Gpu, pool: PoolConfig) -> int:
    return room_for(available_on(card, pool.usable_fraction), pool.model_memory_gb)


def _counts(cards: Sequence[Gpu], pool: PoolConfig) -> list[int]:
    """Workers a card, in the order of `cards`; never none in all."""
    by_hand = pool.workers_per_gpu
    counts = [by_hand.get(card.index, _room(card, pool)) for card in cards]
    if pool.multiprocess == "auto" and len(cards) == 1 and cards[0].index not in by_hand:
        small = nominal_gb(cards[0].total_gb) < SMALL_GPU_GB
        counts = [min(1, counts[0])] if small else counts
    if pool.multiprocess is False or not any(counts):
        chosen = _emptiest(cards, [n for n, count in enumerate(counts) if count] or range(len(cards)))
        counts = [int(n == chosen) for n in range(len(cards))]
    return counts


def _emptiest(cards: Sequence[Gpu], among: Sequence[int]) -> int:
    return max(among, key=lambda n: cards[n].free_gb + cards[n].ours_gb)


def _plan_cpu(
    pool: PoolConfig, cpu_count: int, cpu_default: int | None, cards: Sequence[Gpu], *, one_thread: bool
) -> SizingPlan:
    """`one_thread`: more would only spin, as for an engine whose matrices are small."""
    workers = _cpu_workers(pool, cpu_count, cpu_default)
    threads = _threads(1 if one_thread else cpu_count // workers)
    device = Device(CPU, "CPU", "CPU", "cpu", {"CUDA_VISIBLE_DEVICES": "", **threads})
    why = f"This engine runs on the CPU: {len(cards)} GPU(s) not used" if cards else "No GPU found"
    lines = (f"[Main] {why}", f"[Main] Using {workers} parallel workers on the CPU")
    in_vain = not cards and pool.workers_per_gpu
    warnings = ("pool.workers_per_gpu is set, but no GPU was found",) if in_vain else ()
    return SizingPlan((DeviceShare(device, workers),), lines, warnings)


def _cpu_workers(pool: PoolConfig, cpu_count: int, cpu_default: int | None) -> int:
    if pool.multiprocess is False:
        return 1
    if pool.cpu_workers != "auto":
        return pool.cpu_workers
    return max(1, min(cpu_default or cpu_count, cpu_count, _MAX_AUTO_CPU_WORKERS))


def _gpu(card: Gpu, threads: int) -> Device:
    env = {
        "CUDA_VISIBLE_DEVICES": card.uuid or str(card.index),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # NVML's order; CUDA's own puts the fastest card first
        **_threads(threads),
    }
    return Device(f"gpu:{card.index}", card.name, f"GPU {card.index}", "cuda:0", env)


def _threads(threads: int) -> dict[str, str]:
    """Threads that spin while they wait made two workers of two on two cores 12 times slower."""
    return {"OMP_NUM_THREADS": str(max(1, threads)), "GOMP_SPINCOUNT": "0"}
