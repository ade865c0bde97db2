"""From the measured memory of a worker to its budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CUDA_GB = 0.6  # GPU memory of a process beside torch's, where NVML does not report it
SPARE = 1.05  # for takes that need more than the standard lines
CPU_SPARE = 1.5  # a limit on growth, not a budget: a worker that reaches it is replaced
LINES = (
    "The ferry had left by the time they reached the harbour, and the next one would not sail before dawn.",
    "She counted the lanterns along the quay, twice, because the first time she had lost her place at nine.",
    "Nobody had told the keeper that the road was closed, so he waited, as he did on every other evening.",
    "There was a smell of rain and of oranges, and somewhere behind the warehouses a dog was barking at it.",
    "If the letter comes today, put it on the shelf beside the clock and do not open it before I am back.",
    "Two hundred and forty steps led up to the tower; the last had been missing since the great storm.",
    "He laughed, not because it was funny, but because it was the only thing that was left for him to do.",
    "In the end they divided the bread, the cheese and the blame into three, and nobody was quite content.",
)


@dataclass(frozen=True, slots=True)
class Level:
    """The peak memory of a worker up to so many takes at once, as measured by itself and by NVML."""

    takes: int
    own_gb: float
    nvml_gb: float | None = None
    failed: int = 0

    @property
    def gb(self) -> float:
        return self.own_gb if self.nvml_gb is None else max(self.own_gb, self.nvml_gb)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A key of [pool] and its proposed value."""

    key: str
    gb: float


def levels(slots: int) -> list[int]:
    """The numbers of takes at once to measure: 1, 2, 4 … and all slots."""
    return sorted({slots, *(2**n for n in range(slots.bit_length()) if 2**n < slots)})


def propose(measured: Sequence[Level], *, on_gpu: bool) -> Proposal:
    """The budget that holds the highest measured peak, rounded up to a tenth of a GB."""
    peak_gb = max(level.gb for level in measured)
    if not on_gpu:
        return Proposal("cpu_memory_gb", _up(peak_gb * CPU_SPARE))
    beside_gb = 0.0 if any(level.nvml_gb for level in measured) else CUDA_GB
    return Proposal("model_memory_gb", _up((peak_gb + beside_gb) * SPARE))


def _up(gb: float) -> float:
    return math.ceil(gb * 10 - 1e-9) / 10
