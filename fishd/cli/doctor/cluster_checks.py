"""What `fishd doctor` checks of a Ray cluster: the connection, and every node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from fishd.cli.findings import FAULT, OK, WARNING, Finding
from fishd.cluster.ray_pool import find_nodes
from fishd.core.config.config import Config
from fishd.core.sizing.nodes import plan_nodes
from fishd.core.text.humanize import count


def check_cluster(config: Config, progress: Callable[[str], None]) -> Iterator[Finding]:
    """Each fault says what to do; a node with one is not used, and the others are."""
    progress(f"asking the nodes of the Ray cluster, ray.address = {config.ray.address}")
    found = asyncio.run(find_nodes(config))
    plan = plan_nodes(config, found.nodes)
    for fault in found.faults:
        yield Finding(FAULT, fault, "Ray")
    for share in plan.shares:
        yield Finding(OK, f"{share.device.label}: {count(share.workers, 'worker')} planned", "Node")
    for warning in plan.warnings:
        yield Finding(WARNING, warning, "Node")
