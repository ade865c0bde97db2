"""The two transformers as flat records of weights, which the forward passes read layer by layer."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from fishd.engines.fish.model.linear import Linear, ResidualLinear


@dataclass(frozen=True, slots=True)
class Norm:
    """RMS norm over the last dimension."""

    weight: Tensor
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


@dataclass(frozen=True, slots=True)
class HeadNorm:
    """RMS norm of every query and key head, [..., heads + kv heads, head_dim], in one call."""

    weight: Tensor  # [heads + kv heads, head_dim]
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape[1:], None, self.eps) * self.weight


@dataclass(frozen=True, slots=True)
class Block:
    """One transformer layer. `qk_norm` covers query and key heads together; None for a model without it."""

    attention_norm: Norm
    wqkv: Linear
    qk_norm: HeadNorm | None
    wo: ResidualLinear
    ffn_norm: Norm
    gate: Linear  # x -> silu(w1 x) * (w3 x)
    w2: ResidualLinear


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a transformer's attention: `num_heads // num_kv` query heads share one KV head."""

    num_heads: int
    num_kv: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded checkpoint.

    Rope tables are complex64 [positions, head_dim / 2], rounded to bfloat16 as fish_speech rounds them.
    `slow_ids` are the token ids that the slow head's logits stand for.
    """

    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    dim: int
    max_seq_len: int
    num_codebooks: int
    codebook_size: int
    scale_codebooks: bool
    semantic_begin: int
    semantic_end: int
    im_end: int
    slow_shape: Shape
    fast_shape: Shape
    slow: tuple[Block, ...]
    fast: tuple[Block, ...]
    slow_rope: Tensor
    fast_rope: Tensor
    embeddings: Tensor
    codebook_embeddings: Tensor
    fast_embeddings: Tensor
    fast_project_in: Linear
    slow_norm: Norm
    fast_norm: Norm
    slow_head: Linear
    slow_ids: Tensor
    fast_head: Linear
    weight_bytes: int
