"""The input and output of sizing: GPUs as found, and the workers planned for each device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CPU = "cpu"
SMALL_GPU_GB = 16.0  # multiprocess = "auto" runs one worker on a single GPU with less


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, or one MIG instance of it. Memory in GiB, as NVML reports it.

    `free_gb` is free now; `ours_gb` is held by our own workers, and so available to them.
    """

    index: int
    name: str
    total_gb: float
    free_gb: float
    uuid: str = ""
    ours_gb: float = 0.0
    node: str = ""  # of the cluster; "" is this machine

    @property
    def device(self) -> str:
        """The id of its Device."""
        return device_id(self.node, f"gpu:{self.index}")


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a Ray cluster. `name` is unique; `id` is another one after the node's restart.

    `cpus` are what Ray may use of it; `mps`: whether CUDA's Multi-Process Service runs.
    """

    name: str
    id: str
    cpus: int
    gpus: tuple[Gpu, ...] = ()
    mps: bool | None = None


@dataclass(frozen=True, slots=True)
class DetectedNodes:
    """The nodes that can be used, and the faults of the others, or why there are none."""

    nodes: tuple[Node, ...]
    faults: tuple[str, ...] = ()

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """Of all nodes."""
        return tuple(gpu for node in self.nodes for gpu in node.gpus)


@dataclass(frozen=True, slots=True)
class Device:
    """A device for workers. `env` is set in a worker's environment before it imports anything."""

    id: str  # "gpu:0", "cpu"; on a node "node/gpu:0"
    name: str  # "NVIDIA GeForce RTX 4090"
    label: str  # "GPU 0", "CPU"
    torch_device: str  # for the worker: its one visible GPU is always "cuda:0"
    env: Mapping[str, str]
    node: str = ""  # of the cluster; "" is this machine
    share: float = 0.0  # of one GPU, or one CPU, that Ray accounts for a worker


def device_id(node: str, device: str) -> str:
    """The id of a node's device: "gpu:0" on this machine, "node/gpu:0" on another."""
    return f"{node}/{device}" if node else device


def is_cpu(device: str) -> bool:
    """Whether a device id names a CPU."""
    return device.rpartition("/")[2] == CPU


@dataclass(frozen=True, slots=True)
class DeviceShare:
    """The plan for one device: `workers`, each with a budget of `budget_gb`, out of `available_gb`.

    `room` is the number of workers that the heuristic allows. On the CPU all figures but `workers` are 0.
    """

    device: Device
    workers: int
    room: int = 0
    total_gb: float = 0.0
    available_gb: float = 0.0
    budget_gb: float = 0.0


@dataclass(frozen=True, slots=True)
class SizingPlan:
    """The workers on each device. `lines` go to the log as they are, `warnings` as warnings.

    `is_remote`: a server speaks, and the workers only wait for it.
    """

    shares: tuple[DeviceShare, ...]
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = field(default=())
    is_remote: bool = False

    @property
    def workers(self) -> dict[str, int]:
        """Wanted workers by device id; 0 for a device that gets none."""
        return {share.device.id: share.workers for share in self.shares}

    @property
    def total(self) -> int:
        return sum(share.workers for share in self.shares)
