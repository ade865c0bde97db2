"""Configuration and cards -> what the pool should be, and what each worker is told when it starts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fishd.core.config import Config, resolve_engine
from fishd.core.events import PoolPlan, Post
from fishd.core.sizing import Card, Device, Plan, plan_for
from fishd.wire.messages import Load


@dataclass(frozen=True, slots=True)
class Hiring:
    """A plan with everything that is needed to carry it out. Replaced whole at a reload."""

    plan: Plan
    pool_plan: PoolPlan
    devices: Mapping[str, Device]
    engine: str
    factory: str
    options: Mapping[str, object]

    def load(self, worker: int, device: str) -> Load:
        """The first message to a worker on this device."""
        return Load(worker, self.factory, self.devices[device].torch_device, dict(self.options))

    def env(self, device: str) -> Mapping[str, str]:
        return self.devices[device].env


def hire(config: Config, cards: Sequence[Card], cache: Path, before: Hiring | None = None) -> Hiring:
    """`before` is the hiring in force: workers of another engine, options or budget are a new generation."""
    plan = plan_for(config, cards, os.cpu_count() or 1)
    engine, factory = resolve_engine(config)
    options = _engine_options(config, cache)
    devices = {share.device.id: share.device for share in plan.shares}
    same = before is not None and (before.factory, before.options) == (factory, options)
    generation = 0 if before is None else before.pool_plan.generation + (0 if same else 1)
    posts = tuple(
        Post(share.device.id, share.device.label, share.device.name, share.workers) for share in plan.shares
    )
    pool_plan = PoolPlan(
        generation=generation,
        posts=posts,
        max_takes=config.pool.max_takes,
        take_timeout_s=config.pool.take_timeout_s,
        start_timeout_s=config.pool.take_timeout_s,
        drain_s=config.pool.drain_s,
    )
    return Hiring(plan, pool_plan, devices, engine, factory, options)


def _engine_options(config: Config, cache: Path) -> dict[str, object]:
    """What the configuration hands to the engine, and the engine's own keys on top."""
    return {
        **config.engine.options,
        "checkpoint": str(config.engine.checkpoint) if config.engine.checkpoint else "",
        "precision": config.engine.precision,
        "model_memory_gb": config.pool.model_memory_gb,
        "cache_dir": str(cache),
    }
