"""The checkpoint's two transformers, as flat records of weights that the decoder walks through.

The package's own modules are built on the meta device (no memory, no random initialisation) and take the
file's tensors by assignment: under a second where the package's own way needs nine. Its `forward` is never
called; its modules are kept for the embeddings, and as the authority on names and shapes.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own pages call it
from torch import Tensor, nn

from fishd.engines.fish.checkpoint.files import (
    model_weights,
    read_architecture,
    read_tokenizer,
    require_weights,
)
from fishd.engines.fish.import_stubs import import_upstream
from fishd.engines.fish.model.linear import Adding, Linear, adding, gated, linear

RESIDUAL_CODES = 1024  # the package draws residual codes from the first 1024 logits, whatever the head's size


@dataclass(frozen=True, slots=True)
class Norm:
    """RMS norm, in one fused call."""

    weight: Tensor
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


@dataclass(frozen=True, slots=True)
class HeadNorm:
    """RMS norm of every query head and every key head, [..., heads + kv, head_dim], in one call."""

    weight: Tensor  # [heads + kv, head_dim]
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape[1:], None, self.eps) * self.weight


@dataclass(frozen=True, slots=True)
class Block:
    """One transformer layer. `qk_norm` norms query and key heads together; None for a model without."""

    attention_norm: Norm
    wqkv: Linear
    qk_norm: HeadNorm | None
    wo: Adding
    ffn_norm: Norm
    gate: Linear  # x -> silu(w1 x) * (w3 x)
    w2: Adding


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of one transformer's attention. A new token's query heads share `num_heads // num_kv`."""

    num_heads: int
    num_kv: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded checkpoint. Rope tables are complex64 [positions, head_dim / 2], rounded as the package's."""

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
    slow_ids: Tensor  # the token id that each of the slow head's logits stands for
    fast_head: Linear
    weight_bytes: int


def skeleton(folder: Path) -> Any:
    """The package's model on the meta device: names and shapes without memory. Raises EngineError."""
    architecture = read_architecture(folder)
    tokenizer = read_tokenizer(folder, architecture)
    (llama,) = import_upstream("fish_speech.models.text2semantic.llama")
    with torch.device("meta"):
        return llama.DualARTransformer(architecture, tokenizer).eval().requires_grad_(requires_grad=False)


def load_model(folder: Path, device: torch.device, dtype: torch.dtype, *, every_id: bool = False) -> Model:
    """Load a checkpoint folder. `every_id` keeps logits for text ids too, as the package does.

    Raises EngineError for a folder that does not hold the whole model.
    """
    module = skeleton(folder)
    weights = model_weights(folder)
    require_weights(folder / "model.pth", module, weights)
    names = [name for name, _ in module.named_parameters()]
    module.load_state_dict(
        {name: weights[name].to(device, dtype) for name in names}, strict=False, assign=True
    )
    return _flatten(module, device, dtype, every_id=every_id)


def _flatten(module: Any, device: torch.device, dtype: torch.dtype, *, every_id: bool) -> Model:
    a, tokenizer = module.config, module.tokenizer
    sizes = {name: parameter.numel() for name, parameter in module.named_parameters()}
    im_end = tokenizer.get_token_id("<|im_end|>")
    ids = torch.arange(tokenizer.semantic_begin_id, tokenizer.semantic_end_id + 1)
    ids = torch.arange(a.vocab_size) if every_id else torch.cat([ids, torch.tensor([im_end])])
    head = module.embeddings.weight if a.tie_word_embeddings else module.output.weight
    head = head if every_id else head[ids.to(device)].contiguous()
    kept = sum(sizes.values()) - sizes.get("output.weight", 0) + head.numel()
    fast_head = module.fast_output.weight[:RESIDUAL_CODES].contiguous()
    return Model(
        tokenizer=tokenizer,
        device=device,
        dtype=dtype,
        dim=a.dim,
        max_seq_len=a.max_seq_len,
        num_codebooks=a.num_codebooks,
        codebook_size=a.codebook_size,
        scale_codebooks=a.scale_codebook_embeddings,
        semantic_begin=tokenizer.semantic_begin_id,
        semantic_end=tokenizer.semantic_end_id,
        im_end=im_end,
        slow_shape=Shape(a.n_head, a.n_local_heads, a.head_dim),
        fast_shape=Shape(a.fast_n_head, a.fast_n_local_heads, a.fast_head_dim),
        slow=_blocks(module.layers),
        fast=_blocks(module.fast_layers),
        slow_rope=rope_table(a.max_seq_len, a.head_dim, a.rope_base).to(device),
        fast_rope=rope_table(a.num_codebooks, a.fast_head_dim, a.rope_base).to(device),
        embeddings=module.embeddings.weight,
        codebook_embeddings=module.codebook_embeddings.weight,
        fast_embeddings=module.fast_embeddings.weight,
        fast_project_in=_project_in(module.fast_project_in),
        slow_norm=_norm(module.norm),
        fast_norm=_norm(module.fast_norm),
        slow_head=linear(head),
        slow_ids=ids.to(device),
        fast_head=linear(fast_head),
        weight_bytes=kept * dtype.itemsize,
    )


def _blocks(layers: Any) -> tuple[Block, ...]:
    """The layers' records; each module is let go at once, so that laying out weights needs little room."""
    blocks: list[Block] = []
    for i in range(len(layers)):
        blocks.append(_block(layers[i]))
        layers[i] = nn.Identity()
    return tuple(blocks)


def _block(layer: Any) -> Block:
    attention, feed = layer.attention, layer.feed_forward
    return Block(
        attention_norm=_norm(layer.attention_norm),
        wqkv=linear(attention.wqkv.weight, attention.wqkv.bias),
        qk_norm=_qk_norm(attention) if attention.attention_qk_norm else None,
        wo=adding(attention.wo.weight, attention.wo.bias),
        ffn_norm=_norm(layer.ffn_norm),
        gate=gated(feed.w1.weight, feed.w3.weight),
        w2=adding(feed.w2.weight),
    )


def _norm(module: Any) -> Norm:
    return Norm(module.weight, float(module.eps))


def _qk_norm(attention: Any) -> HeadNorm:
    q, k = attention.q_norm, attention.k_norm
    both = torch.cat([q.weight.expand(attention.n_head, -1), k.weight.expand(attention.n_local_heads, -1)])
    return HeadNorm(both, float(q.eps))


def _project_in(module: Any) -> Linear:
    return linear(module.weight, module.bias) if isinstance(module, nn.Linear) else lambda x: x


def rope_table(num_positions: int, head_dim: int, base: float) -> Tensor:
    """Rotations by position and frequency, rounded to bfloat16 as the package's table is."""
    steps = torch.arange(0, head_dim, 2)[: head_dim // 2].float() / head_dim
    angles = torch.outer(torch.arange(num_positions), 1.0 / (base**steps))
    real, imag = torch.polar(torch.ones_like(angles), angles).to(torch.complex64).real, angles.sin()
    return torch.complex(real.bfloat16().float(), imag.bfloat16().float())
