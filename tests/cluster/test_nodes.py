"""Which nodes can be used, and how many workers they get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fishd.cluster.driver.nodes import NO_NODE, ListedNode, choose, list_nodes
from fishd.cluster.node.checkpoint import identity
from fishd.cluster.node.probe import NodeFacts
from fishd.core.config.config import Config, EngineConfig, PoolConfig
from fishd.core.sizing.model import Gpu, Node
from fishd.core.sizing.nodes import plan_nodes

NOOP = EngineConfig("a.b:c")


def gpu(index: int, total_gb: float, node: str = "") -> Gpu:
    return Gpu(index, "NVIDIA L4", total_gb, total_gb, f"GPU-{index}", node=node)


def facts(*gpus: Gpu, checkpoint: str = "", fault: str = "") -> NodeFacts:
    return NodeFacts(gpus, (), mps=False, checkpoint=checkpoint, checkpoint_fault=fault)


def row(name: str, id_: str, *, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeName": name, "NodeID": id_, "Alive": alive, "Resources": resources}


# ---- which nodes ----------------------------------------------------------------------------------------


def test_nodes_that_are_dead_or_have_nothing_for_us_are_not_listed() -> None:
    """A head that was started without CPUs is such a node."""
    rows = [row("head", "1", memory=9), row("a", "2", CPU=4, GPU=2), row("b", "3", alive=False, CPU=4)]
    assert [ListedNode("a", "2", 4, 2)] == list_nodes(rows)


def test_nodes_of_one_name_are_told_apart() -> None:
    """By the beginning of their ids."""
    rows = [row("10.0.0.5", "bbbbbbbb", CPU=1), row("10.0.0.5", "aaaaaaaa", CPU=1)]
    assert ["10.0.0.5#aaaaaa", "10.0.0.5#bbbbbb"] == [node.name for node in list_nodes(rows)]


def test_a_nodes_gpus_carry_its_name_and_are_as_many_as_ray_may_use() -> None:
    """Two of three."""
    found = choose([(ListedNode("a", "1", 4, 2), facts(gpu(0, 24), gpu(1, 24), gpu(2, 24)))], "", "")
    expected = (Node("a", "1", 4, (gpu(0, 24, "a"), gpu(1, 24, "a")), mps=False),)
    assert (expected, ()) == (found.nodes, found.faults)


def test_a_node_that_cannot_be_used_is_a_fault_and_the_others_are_used() -> None:
    """Its fault names it."""
    a, b = ListedNode("a", "1", 1, 0), ListedNode("b", "2", 1, 0)
    found = choose([(a, "has no fishd"), (b, facts())], "", "")
    assert (["b"], ("node a has no fishd",)) == ([node.name for node in found.nodes], found.faults)


def test_a_cluster_without_a_node_for_us_is_a_fault() -> None:
    """It says how to add one."""
    assert ((), (NO_NODE,)) == (choose([], "", "").nodes, choose([], "", "").faults)


def test_a_node_without_the_checkpoint_or_with_another_one_is_a_fault() -> None:
    """The daemon's own decides."""
    nodes = [ListedNode(name, name, 1, 0) for name in "abcd"]
    held = [facts(checkpoint="mine"), facts(), facts(checkpoint="other"), facts(fault="Permission denied")]
    found = choose(list(zip(nodes, held, strict=True)), "/ckpt", "mine")
    assert ["a"] == [node.name for node in found.nodes]
    assert (
        "node b has no checkpoint at /ckpt: copy the folder there, to the same path",
        (
            "node c has another checkpoint at /ckpt than the others: copy the same folder to all nodes, "
            "so that all workers speak alike"
        ),
        "node d cannot read the checkpoint /ckpt: Permission denied",
    ) == found.faults


def test_without_a_checkpoint_of_the_daemons_most_nodes_decide() -> None:
    """One that differs is left out."""
    nodes = [ListedNode(name, name, 1, 0) for name in "abc"]
    held = [facts(checkpoint=checkpoint) for checkpoint in ("odd", "same", "same")]
    found = choose(list(zip(nodes, held, strict=True)), "/ckpt", "")
    assert ["b", "c"] == [node.name for node in found.nodes]


def test_a_checkpoint_is_known_by_names_sizes_and_content(tmp_path: Path) -> None:
    """A copy is the same; other weights of the same size are not, nor is another name."""
    folders = [tmp_path / name for name in "abcd"]
    for folder, name, weights in zip(
        folders, ("m.pth", "m.pth", "m.pth", "n.pth"), (b"0" * 9, b"0" * 9, b"1" * 9, b"0" * 9), strict=True
    ):
        folder.mkdir()
        (folder / name).write_bytes(weights)
    same, copy, retrained, renamed = map(identity, folders)
    assert same == copy
    assert 3 == len({same, retrained, renamed})
    assert "" == identity(tmp_path / "none")


# ---- how many workers -----------------------------------------------------------------------------------


def test_each_nodes_gpus_are_sized_as_those_of_one_machine() -> None:
    """Ray accounts for a worker as its share of a GPU."""
    nodes = [Node("a", "1", 8, (gpu(0, 24, "a"), gpu(1, 80, "a"))), Node("b", "2", 8, (gpu(0, 24, "b"),))]
    plan = plan_nodes(Config(engine=NOOP), nodes)
    assert {"a/gpu:0": 2, "a/gpu:1": 9, "b/gpu:0": 2} == plan.workers
    assert [("a", 0.5), ("a", 0.1111), ("b", 0.5)] == [(s.device.node, s.device.share) for s in plan.shares]
    assert {"CUDA_VISIBLE_DEVICES": "GPU-1"}.items() <= plan.shares[1].device.env.items()
    assert (
        "[a GPU 0] NVIDIA L4, Total Memory: 24.00 GB",
        "[a GPU 0] Can run 2 workers (Available: 21.60 GB)",
        "[a GPU 1] NVIDIA L4, Total Memory: 80.00 GB",
        "[a GPU 1] Can run 9 workers (Available: 72.00 GB)",
        "[b GPU 0] NVIDIA L4, Total Memory: 24.00 GB",
        "[b GPU 0] Can run 2 workers (Available: 21.60 GB)",
        "[Main] Using 13 parallel workers on 2 nodes",
        "[Main] a GPU 0: 2 workers",
        "[Main] a GPU 1: 9 workers",
        "[Main] b GPU 0: 2 workers",
    ) == plan.lines


def test_where_one_node_has_a_gpu_the_cpus_are_not_used() -> None:
    """Unless the engine uses no GPU."""
    nodes = [Node("a", "1", 2, (gpu(0, 24, "a"),)), Node("b", "2", 2)]
    assert {"a/gpu:0": 2} == plan_nodes(Config(engine=NOOP), nodes).workers
    assert {"a/cpu": 2, "b/cpu": 2} == plan_nodes(Config(engine=EngineConfig("preview")), nodes).workers


def test_more_workers_than_cpus_share_them() -> None:
    """So that Ray can place them all."""
    (share,) = plan_nodes(Config(engine=NOOP, pool=PoolConfig(cpu_workers=8)), [Node("a", "1", 2)]).shares
    assert (8, 0.25) == (share.workers, share.device.share)


def test_one_worker_in_all_runs_where_most_memory_is() -> None:
    """`multiprocess = false` counts the whole cluster."""
    nodes = [Node("a", "1", 8, (gpu(0, 24, "a"),)), Node("b", "2", 8, (gpu(0, 80, "b"),))]
    plan = plan_nodes(Config(engine=NOOP, pool=PoolConfig(multiprocess=False)), nodes)
    assert {"a/gpu:0": 0, "b/gpu:0": 1} == plan.workers


def test_without_a_node_the_plan_is_empty() -> None:
    """No worker on this machine takes their place."""
    plan = plan_nodes(Config(engine=NOOP), [])
    assert ({}, ("[Main] Using 0 parallel workers on 0 nodes",)) == (plan.workers, plan.lines)
