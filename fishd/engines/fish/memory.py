"""Telling "out of memory" from every other error, and giving memory back."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import torch

from fishd.engines.fish.decode.kv import GB

CPU_WORDS = (
    "can't allocate memory",
    "not enough memory",
)  # torch's CPU allocator raises a plain RuntimeError


def is_out_of_memory(error: BaseException) -> bool:
    """Has the device (or the machine) no room? A device assert is no such thing: it must end the worker."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in CPU_WORDS)


def cap(device: torch.device, budget_gb: float) -> None:
    """Let torch take no more of a card than the budget: what is over it is its own OutOfMemory."""
    if device.type == "cuda":
        total_gb = float(torch.cuda.mem_get_info(device)[1]) / GB
        torch.cuda.set_per_process_memory_fraction(share(budget_gb, total_gb), device)


def share(budget_gb: float, total_gb: float) -> float:
    """The part of a card that a budget is, for torch, which knows nothing above the whole."""
    return min(1.0, budget_gb / total_gb)


def taken(device: torch.device) -> int:
    """Bytes of a card that tensors hold; 0 where nobody counts."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def give_back(device: torch.device) -> None:
    """Return what is no longer referred to."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def tidy(device: torch.device) -> None:
    """On a CPU, have the C library return pages that varied activations left full of holes."""
    if device.type == "cpu":
        with suppress(OSError, AttributeError):  # a C library other than glibc
            ctypes.CDLL(None).malloc_trim(0)
