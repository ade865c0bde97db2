"""Which nodes can be used: as Ray lists them, and as each answers to a probe."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from fishd import __version__
from fishd.cluster.driver import ask_node
from fishd.cluster.node.checkpoint import identity
from fishd.cluster.node.probe import NodeFacts
from fishd.core.sizing.model import Node
from fishd.wire.cluster import NodesFound

PROBE_S = 60.0  # a node may have to start a process first
FRESH_S = 60.0  # how long a probe's answer holds
NO_NODE = (
    "the Ray cluster has no node with a CPU or GPU that Ray may use: add one with "
    "`ray start --address=HOST:PORT`, without --num-cpus=0"
)


@dataclass(frozen=True, slots=True)
class ListedNode:
    """A node as Ray lists it; `gpus` and `cpus` are what Ray may use."""

    name: str
    id: str
    cpus: int
    gpus: int


@dataclass(frozen=True, slots=True)
class _Answer:
    at: float
    checkpoint: str
    facts: NodeFacts | str


class Nodes:
    """`pids_on` tells our workers' processes on a node, by its id."""

    def __init__(self, ray: Any, pids_on: Callable[[str], tuple[int, ...]]) -> None:
        self._ray = ray
        self._pids_on = pids_on
        ray.cloudpickle.register_pickle_by_value(ask_node)
        self._ask = ray.remote(num_cpus=0, max_retries=0)(ask_node.ask_node)
        # The mutable state.
        self.ids: Mapping[str, str] = {}  # by name, as last listed
        self._answers: dict[str, _Answer] = {}  # by id

    async def find(self, checkpoint: str) -> NodesFound:
        """List and probe. Raises RayError."""
        listed = list_nodes(await asyncio.to_thread(self._ray.nodes))
        self.ids = {node.name: node.id for node in listed}
        self._answers = {id_: answer for id_, answer in self._answers.items() if id_ in self.ids.values()}
        facts = await asyncio.gather(*(self._facts(node, checkpoint) for node in listed))
        here = await asyncio.to_thread(_identity_here, checkpoint)
        return choose(list(zip(listed, facts, strict=True)), checkpoint, here)

    async def _facts(self, node: ListedNode, checkpoint: str) -> NodeFacts | str:
        """The node's facts, or its fault."""
        known = self._answers.get(node.id)
        if known and known.checkpoint == checkpoint and time.monotonic() - known.at < FRESH_S:
            return known.facts
        facts = await self._probe(node, checkpoint)
        self._answers[node.id] = _Answer(time.monotonic(), checkpoint, facts)
        return facts

    async def _probe(self, node: ListedNode, checkpoint: str) -> NodeFacts | str:
        asked = self._ask.options(scheduling_strategy=on_node(self._ray, node.id)).remote(
            __version__, checkpoint, self._pids_on(node.id)
        )
        try:
            async with asyncio.timeout(PROBE_S):
                return await asked
        except TimeoutError:
            return f"does not answer within {PROBE_S:g} s"
        except self._ray.exceptions.RayError as error:
            return f"cannot be probed: {str(error).strip().splitlines()[-1]}"


def on_node(ray: Any, node_id: str) -> Any:
    """The scheduling strategy for this node and no other."""
    return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node_id, soft=False)


def choose(found: Sequence[tuple[ListedNode, NodeFacts | str]], checkpoint: str, here: str) -> NodesFound:
    """The nodes that can be used, and the faults of the others.

    All must have one checkpoint: the daemon's, of which `here` is the identity, or the one that most nodes
    have where the daemon has none.
    """
    if not found:
        return NodesFound((), (NO_NODE,))
    nodes: list[Node] = []
    faults: list[str] = []
    identities = Counter(
        facts.checkpoint for _, facts in found if isinstance(facts, NodeFacts) and facts.checkpoint
    )
    wanted = here or next((identity for identity, _ in identities.most_common(1)), "")
    for node, facts in found:
        fault = facts if isinstance(facts, str) else _checkpoint_fault(facts, checkpoint, wanted)
        if isinstance(facts, str) or fault:
            faults.append(f"node {node.name} {fault}")
            continue
        faults += [f"node {node.name}: {remark}" for remark in facts.remarks]
        gpus = tuple(replace(gpu, node=node.name) for gpu in facts.gpus[: node.gpus])
        nodes.append(Node(node.name, node.id, node.cpus, gpus, facts.mps))
    return NodesFound(tuple(nodes), tuple(faults))


def _checkpoint_fault(facts: NodeFacts, checkpoint: str, wanted: str) -> str:
    if not checkpoint:
        return ""
    if facts.checkpoint_fault:
        return f"cannot read the checkpoint {checkpoint}: {facts.checkpoint_fault}"
    if not facts.checkpoint:
        return f"has no checkpoint at {checkpoint}: copy the folder there, to the same path"
    if facts.checkpoint != wanted:
        return (
            f"has another checkpoint at {checkpoint} than the others: copy the same folder to all nodes, "
            "so that all workers speak alike"
        )
    return ""


def list_nodes(rows: Sequence[Mapping[str, Any]]) -> list[ListedNode]:
    """The nodes that are alive and have something for us, from Ray's table.

    A node's name is Ray's: its address, or what `ray start --node-name` said; equal names get a mark.
    """
    alive = sorted((row for row in rows if row["Alive"]), key=itemgetter("NodeName", "NodeID"))
    names = Counter(row["NodeName"] for row in alive)
    return [
        ListedNode(
            name=row["NodeName"] if names[row["NodeName"]] == 1 else f"{row['NodeName']}#{row['NodeID'][:6]}",
            id=row["NodeID"],
            cpus=int(row["Resources"].get("CPU", 0)),
            gpus=int(row["Resources"].get("GPU", 0)),
        )
        for row in alive
        if row["Resources"].get("CPU", 0) >= 1 or row["Resources"].get("GPU", 0) >= 1
    ]


def _identity_here(checkpoint: str) -> str:
    try:
        return identity(Path(checkpoint)) if checkpoint else ""
    except OSError:
        return ""
