"""Bounded work for clips of any length: long ones run in chunks, short ones share a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

CHUNK_FRAMES = 256  # 12 s
CONTEXT_FRAMES = 16  # before a chunk; the convolutions reach back less than 12 frames
PADDING_FRAMES = 16  # lengths are padded to this multiple: libraries cache a plan for every new shape


def run_in_chunks(
    run: Callable[[Tensor], Tensor],
    x: Tensor,
    in_per_frame: int,
    out_per_frame: int,
    chunk_frames: int = CHUNK_FRAMES,
) -> Tensor:
    """Run a causal stack over x [n, channels, t] chunk by chunk; the result is that of one pass.

    A frame is `in_per_frame` steps of t in the input and `out_per_frame` in the output.
    """
    frames = x.shape[-1] // in_per_frame
    if frames <= chunk_frames + CONTEXT_FRAMES:
        return run(x)
    chunks: list[Tensor] = []
    for start in range(0, frames, chunk_frames):
        end, context_start = min(start + chunk_frames, frames), max(0, start - CONTEXT_FRAMES)
        chunk = run(x[..., context_start * in_per_frame : end * in_per_frame])
        chunks.append(chunk[..., (start - context_start) * out_per_frame :])
    return torch.cat(chunks, -1)


def padded(frames: int) -> int:
    """The length to which a clip of so many frames is padded."""
    return -(-frames // PADDING_FRAMES) * PADDING_FRAMES


def group_by_length(lengths: Sequence[int], max_clips: int) -> list[list[int]]:
    """Indices of clips, longest first, in groups of similar length.

    A group holds at most `max_clips`, and its padded frames fit one chunk unless it is a single clip.
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        last = groups[-1] if groups else None
        if last and len(last) < max_clips and (len(last) + 1) * padded(lengths[last[0]]) <= CHUNK_FRAMES:
            last.append(i)
        else:
            groups.append([i])
    return groups
