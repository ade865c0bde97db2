"""Configuration and cards -> what the pool should be, and what each worker is told when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fishd.core.config.config import Config, resolve_engine
from fishd.core.dispatch.events import DevicePlan, PoolPlan
from fishd.core.model.limits import Limits
from fishd.core.sizing.model import Device, Gpu, SizingPlan
from fishd.core.sizing.plan import counting_ours, plan_for
from fishd.host.cores import usable_cores
from fishd.host.gpus import DetectedGpus, mps_runs
from fishd.wire.messages import Load


@dataclass(frozen=True, slots=True)
class Deployment:
    """A plan with everything that is needed to carry it out. Replaced whole at a reload."""

    plan: SizingPlan
    pool_plan: PoolPlan
    devices: Mapping[str, Device]
    engine: str
    factory: str
    options: Mapping[str, object]
    gpus: tuple[Gpu, ...]
    remarks: tuple[str, ...]
    limits: Limits

    def load(self, worker: int, device: str) -> Load:
        """The first message to a worker on this device."""
        return Load(worker, self.factory, self.devices[device].torch_device, dict(self.options))

    def env(self, device: str) -> Mapping[str, str]:
        return self.devices[device].env


def plan_deployment(
    config: Config,
    found: DetectedGpus,
    environ: Mapping[str, str],
    cache: Path,
    before: Deployment | None = None,
) -> Deployment:
    """Plan for the cards that were found. What stands in `before` keeps its place: its workers' memory is
    room for ours, and only another engine, options or budget make a new generation of workers.
    """
    cards = found.gpus if before is None else counting_ours(found.gpus, before.plan)
    plan = plan_for(config, cards, usable_cores(), mps=mps_runs(environ))
    engine, factory = resolve_engine(config)
    options = _engine_options(config, cache)
    generation = 0
    if before is not None:
        same = (before.factory, before.options) == (factory, options)
        generation = before.pool_plan.generation + (0 if same else 1)
    return Deployment(
        plan=plan,
        pool_plan=_pool_plan(config, plan, generation),
        devices={share.device.id: share.device for share in plan.shares},
        engine=engine,
        factory=factory,
        options=options,
        gpus=tuple(cards),
        remarks=found.remarks,
        limits=config.limits,
    )


def _pool_plan(config: Config, plan: SizingPlan, generation: int) -> PoolPlan:
    cpu_gb = config.pool.cpu_memory_gb
    posts = (
        DevicePlan(s.device.id, s.device.label, s.device.name, s.workers, s.budget_gb or cpu_gb)
        for s in plan.shares
    )
    return PoolPlan(
        generation=generation,
        devices=tuple(posts),
        max_takes=config.pool.max_takes,
        take_timeout_s=config.pool.take_timeout_s,
        start_timeout_s=config.pool.start_timeout_s,
        drain_s=config.pool.drain_s,
    )


def _engine_options(config: Config, cache: Path) -> dict[str, object]:
    """What the configuration hands to the engine, and the engine's own keys on top."""
    return {
        **config.engine.options,
        "checkpoint": str(config.engine.checkpoint) if config.engine.checkpoint else "",
        "precision": config.engine.precision,
        "model_memory_gb": config.pool.model_memory_gb,
        "cache_dir": str(cache),
    }
