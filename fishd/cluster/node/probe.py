"""What a node has: its GPUs, and the checkpoint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fishd.cluster.node.checkpoint import identity
from fishd.core.sizing.model import Gpu
from fishd.host.gpus import detect_gpus, mps_runs
from fishd.host.nvml import NvmlLibrary


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """`checkpoint` is its identity, "" where there is none; `checkpoint_fault` says why it cannot be read.

    `remarks` are on GPUs that are left out.
    """

    gpus: tuple[Gpu, ...]
    remarks: tuple[str, ...]
    mps: bool
    checkpoint: str
    checkpoint_fault: str = ""


def probe(checkpoint: str, pids: tuple[int, ...]) -> NodeFacts:
    """Read this node's facts. `pids` are our workers here, whose GPU memory counts as available."""
    environ = _environ_of_the_raylet()
    found = detect_gpus(NvmlLibrary(), environ, pids)
    held, fault = "", ""
    try:
        held = identity(Path(checkpoint)) if checkpoint else ""
    except OSError as error:
        fault = error.strerror or str(error)
    return NodeFacts(found.gpus, () if found.is_blind else found.remarks, mps_runs(environ), held, fault)


def _environ_of_the_raylet() -> dict[str, str]:
    """The environment of `ray start`: Ray changes CUDA_VISIBLE_DEVICES in the processes that it starts."""
    try:
        raw = Path(f"/proc/{os.environ['RAY_RAYLET_PID']}/environ").read_bytes()
    except (KeyError, OSError):
        return {}
    pairs = (entry.partition("=") for entry in os.fsdecode(raw).split("\0"))
    return {name: value for name, separator, value in pairs if separator}
