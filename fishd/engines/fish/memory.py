"""Telling "out of memory" from every other error, and giving memory back."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import torch

CPU_WORDS = ("can't allocate memory", "not enough memory")  # torch's CPU allocator raises a plain RuntimeError


def is_out_of_memory(error: BaseException) -> bool:
    """Has the device (or the machine) no room? A device assert is no such thing: it must end the worker."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in CPU_WORDS)


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
