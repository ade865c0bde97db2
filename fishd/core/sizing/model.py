"""What sizing works with: GPUs as they are found, and the workers that each device gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SMALL_GPU_GB = 16.0  # multiprocess "auto" keeps to one worker on a single GPU below this


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, or one instance of a split one. Memory in GiB, as NVML says it.

    `free_gb` is free now; `ours_gb` is what our own workers hold of it, which is room for them still.
    """

    index: int
    name: str
    total_gb: float
    free_gb: float
    uuid: str = ""
    ours_gb: float = 0.0


@dataclass(frozen=True, slots=True)
class Device:
    """Where a worker runs. `env` goes into the worker's environment before it imports anything."""

    id: str  # "gpu:0", "cpu"
    name: str  # "NVIDIA GeForce RTX 4090"
    label: str  # "GPU 0", "CPU"
    torch_device: str  # as the worker sees it: its one visible card is always "cuda:0"
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DeviceShare:
    """What one device gets: `workers`, each with a budget of `budget_gb`, out of `available_gb`.

    `room` is how many the heuristic finds room for. On the CPU the other figures are 0: nothing is budgeted.
    """

    device: Device
    workers: int
    room: int = 0
    total_gb: float = 0.0
    available_gb: float = 0.0
    budget_gb: float = 0.0


@dataclass(frozen=True, slots=True)
class SizingPlan:
    """The pool's shape. `lines` go to the log as they are, `warnings` as warnings, both without a time."""

    shares: tuple[DeviceShare, ...]
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def workers(self) -> dict[str, int]:
        """Wanted workers by device id; a device that gets none stands there with 0."""
        return {share.device.id: share.workers for share in self.shares}

    @property
    def total(self) -> int:
        return sum(share.workers for share in self.shares)
