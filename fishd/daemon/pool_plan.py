"""Configuration and GPUs -> the pool's plan, and what each worker is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fishd.core.config.config import Config, engine_key, resolve_engine
from fishd.core.dispatch.events import DevicePlan, PoolPlan
from fishd.core.model.limits import Limits
from fishd.core.sizing.model import DetectedNodes, Device, Gpu, Node, SizingPlan
from fishd.core.sizing.nodes import plan_nodes
from fishd.core.sizing.plan import plan_for, with_own_memory
from fishd.host.cores import usable_cores
from fishd.host.gpus import DetectedGpus, mps_runs
from fishd.wire.messages import Load


@dataclass(frozen=True, slots=True)
class Deployment:
    """A plan with everything that executing it needs. Replaced as a whole at a reload."""

    plan: SizingPlan
    pool_plan: PoolPlan
    devices: Mapping[str, Device]
    engine: str
    factory: str
    options: Mapping[str, object]
    gpus: tuple[Gpu, ...]
    remarks: tuple[str, ...]
    limits: Limits
    nodes: tuple[Node, ...] = ()
    faults: tuple[str, ...] = ()  # of nodes, or of the whole cluster

    def load(self, worker: int, device: str) -> Load:
        """The first message to a worker on this device."""
        return Load(worker, self.factory, self.devices[device].torch_device, dict(self.options))


def plan_deployment(
    config: Config,
    found: DetectedGpus | DetectedNodes,
    environ: Mapping[str, str],
    cache: Path,
    before: Deployment | None = None,
) -> Deployment:
    """Plan for the GPUs or nodes found, coming from `before`: the memory of its workers counts as free, and
    only another engine or other options make a new generation of workers.
    """
    nodes, faults = tuple[Node, ...](), tuple[str, ...]()
    if isinstance(found, DetectedNodes):
        nodes = tuple(replace(node, gpus=_available(node.gpus, before)) for node in found.nodes)
        gpus, remarks, faults = tuple(gpu for node in nodes for gpu in node.gpus), (), found.faults
        plan = plan_nodes(config, nodes)
    else:
        gpus, remarks = _available(found.gpus, before), found.remarks
        plan = plan_for(config, gpus, usable_cores(), mps=mps_runs(environ))
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
        gpus=gpus,
        remarks=remarks,
        limits=config.limits,
        nodes=nodes,
        faults=faults,
    )


def _available(gpus: tuple[Gpu, ...], before: Deployment | None) -> tuple[Gpu, ...]:
    return gpus if before is None else tuple(with_own_memory(gpus, before.plan))


def _pool_plan(config: Config, plan: SizingPlan, generation: int) -> PoolPlan:
    cpu_gb = config.pool.cpu_memory_gb
    devices = (
        DevicePlan(s.device.id, s.device.label, s.device.name, s.workers, s.budget_gb or cpu_gb)
        for s in plan.shares
    )
    return PoolPlan(
        generation=generation,
        devices=tuple(devices),
        max_takes=config.pool.max_takes,
        take_timeout_s=config.pool.take_timeout_s,
        start_timeout_s=config.pool.start_timeout_s,
        drain_s=config.pool.drain_s,
        engine_key=engine_key(config.engine),
    )


def _engine_options(config: Config, cache: Path) -> dict[str, object]:
    """`[engine] options`, and the configuration's keys that every engine gets."""
    return {
        **config.engine.options,
        "checkpoint": str(config.engine.checkpoint) if config.engine.checkpoint else "",
        "precision": config.engine.precision,
        "model_memory_gb": config.pool.model_memory_gb,
        "cache_dir": str(cache),
    }
