"""How many workers run on each node of a cluster: the heuristic of one machine, node by node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fishd.core.config.config import Config, PoolConfig
from fishd.core.sizing.model import DeviceShare, Gpu, Node, SizingPlan, device_id, is_cpu
from fishd.core.sizing.plan import plan_for
from fishd.core.sizing.plan_text import gpu_lines
from fishd.core.text.humanize import count

_SHARE_STEPS = 10_000  # Ray accounts for resources in ten-thousandths


def plan_nodes(config: Config, nodes: Sequence[Node]) -> SizingPlan:
    """The plan for these nodes. A node without a GPU has no workers where others have one and the engine
    uses it, and a node of which Ray may use no CPU has none on the CPU. Without a node the plan is empty.
    """
    plans = [(node, plan_for(config, _unnamed(node), node.cpus, mps=node.mps)) for node in nodes]
    shares = [_on_node(share, node) for node, plan in plans for share in plan.shares if _can_use(share, node)]
    if any(share.total_gb for share in shares):
        shares = [share for share in shares if share.total_gb]
    if config.pool.multiprocess is False:
        shares = _one_worker(shares)
    used = {share.device.node for share in shares if share.workers}
    warnings = (f"{node.name}: {text}" for node, plan in plans if node.name in used for text in plan.warnings)
    return SizingPlan(tuple(shares), tuple(_lines(shares, config.pool)), tuple(warnings))


def _unnamed(node: Node) -> list[Gpu]:
    """The node's GPUs as the machine's own."""
    return [replace(gpu, node="") for gpu in node.gpus]


def _can_use(share: DeviceShare, node: Node) -> bool:
    return bool(node.cpus) or not is_cpu(share.device.id)


def _on_node(share: DeviceShare, node: Node) -> DeviceShare:
    """The share as the cluster's. Ray accounts for workers in fractions of what it has: all fit together."""
    on_cpu = is_cpu(share.device.id)
    most = node.cpus if on_cpu else 1
    fraction = int(_SHARE_STEPS * most / share.workers) / _SHARE_STEPS if share.workers else 0.0
    device = replace(
        share.device,
        id=device_id(node.name, share.device.id),
        label=f"{node.name} {share.device.label}",
        node=node.name,
        share=min(1.0, fraction),
    )
    return replace(share, device=device)


def _one_worker(shares: Sequence[DeviceShare]) -> list[DeviceShare]:
    """One worker in all, where most memory is available."""
    chosen = max((share for share in shares if share.workers), key=lambda s: s.available_gb, default=None)
    return [replace(share, workers=int(share is chosen)) for share in shares]


def _lines(shares: Sequence[DeviceShare], pool: PoolConfig) -> Iterator[str]:
    for share in shares:
        if share.total_gb:
            yield from gpu_lines(share, pool)
    used = [share for share in shares if share.workers]
    where = count(len({share.device.node for share in used}), "node")
    yield f"[Main] Using {sum(share.workers for share in used)} parallel workers on {where}"
    for share in used:
        yield f"[Main] {share.device.label}: {share.workers} workers"
