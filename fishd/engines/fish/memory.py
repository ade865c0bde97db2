"""Device memory: recognising "out of memory", limiting what torch may take, and returning memory."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import torch

from fishd.engines.fish.decode.slot_plan import GB

# torch's CPU allocator raises a plain RuntimeError.
CPU_MESSAGES = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether device or machine are out of memory. A device assert is not that: it must end the worker."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in CPU_MESSAGES)


def limit_memory(device: torch.device, budget_gb: float) -> None:
    """Let torch take at most the budget from a GPU; above it, it raises OutOfMemoryError."""
    if device.type == "cuda":
        total_gb = float(torch.cuda.mem_get_info(device)[1]) / GB
        torch.cuda.set_per_process_memory_fraction(budget_fraction(budget_gb, total_gb), device)


def budget_fraction(budget_gb: float, total_gb: float) -> float:
    """The budget as a fraction of the GPU's memory, at most 1."""
    return min(1.0, budget_gb / total_gb)


def allocated_bytes(device: torch.device) -> int:
    """Bytes of a GPU that tensors occupy; 0 on a CPU."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def release_memory(device: torch.device) -> None:
    """Return unreferenced memory to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def trim_heap(device: torch.device) -> None:
    """On a CPU, make the C library return free pages: activations of many sizes fragment its heap."""
    if device.type == "cpu":
        with suppress(OSError, AttributeError):  # a C library other than glibc
            ctypes.CDLL(None).malloc_trim(0)
