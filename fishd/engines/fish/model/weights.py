"""Loading a checkpoint's model.

fish_speech's modules are built on the meta device (no memory, no random initialisation) and take the file's
tensors by assignment: 0.4 s in bfloat16, against 9 s by its own loader. They serve as the authority on
names and shapes; their `forward` is never called.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fishd.engines.fish.checkpoint.files import (
    model_weights,
    read_architecture,
    read_tokenizer,
    require_weights,
)
from fishd.engines.fish.import_stubs import import_upstream
from fishd.engines.fish.model.architecture import Block, HeadNorm, Model, Norm, Shape
from fishd.engines.fish.model.linear import Linear, gated_linear, linear, residual_linear

RESIDUAL_CODES = (
    1024  # fish_speech samples residual codes from the first 1024 logits, whatever the head's size
)


def load_model(
    folder: Path, device: torch.device, dtype: torch.dtype, *, all_token_ids: bool = False
) -> Model:
    """Load a checkpoint folder. `all_token_ids` keeps the logits of text ids too, as fish_speech does.

    Raises EngineError for a folder that does not hold the whole model.
    """
    module = meta_model(folder)
    weights = model_weights(folder)
    require_weights(folder / "model.pth", module, weights)
    names = [name for name, _ in module.named_parameters()]
    module.load_state_dict(
        {name: weights[name].to(device, dtype) for name in names}, strict=False, assign=True
    )
    return _flatten(module, device, dtype, all_token_ids=all_token_ids)


def meta_model(folder: Path) -> Any:
    """fish_speech's model on the meta device: names and shapes without memory. Raises EngineError."""
    architecture = read_architecture(folder)
    tokenizer = read_tokenizer(folder, architecture)
    (llama,) = import_upstream("fish_speech.models.text2semantic.llama")
    with torch.device("meta"):
        return llama.DualARTransformer(architecture, tokenizer).eval().requires_grad_(requires_grad=False)


def _flatten(module: Any, device: torch.device, dtype: torch.dtype, *, all_token_ids: bool) -> Model:
    a, tokenizer = module.config, module.tokenizer
    sizes = {name: parameter.numel() for name, parameter in module.named_parameters()}
    im_end = tokenizer.get_token_id("<|im_end|>")
    semantic_ids = torch.arange(tokenizer.semantic_begin_id, tokenizer.semantic_end_id + 1)
    ids = torch.arange(a.vocab_size) if all_token_ids else torch.cat([semantic_ids, torch.tensor([im_end])])
    head = module.embeddings.weight if a.tie_word_embeddings else module.output.weight
    head = head if all_token_ids else head[ids.to(device)].contiguous()
    num_weights = sum(sizes.values()) - sizes.get("output.weight", 0) + head.numel()
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
        weight_bytes=num_weights * dtype.itemsize,
    )


def _blocks(layers: Any) -> tuple[Block, ...]:
    """The layers as records. Each module is dropped at once: packing copies its weights."""
    blocks: list[Block] = []
    for i in range(len(layers)):
        blocks.append(_block(layers[i]))
        layers[i] = nn.Identity()
    return tuple(blocks)


def _block(layer: Any) -> Block:
    attention, feed_forward = layer.attention, layer.feed_forward
    return Block(
        attention_norm=_norm(layer.attention_norm),
        wqkv=linear(attention.wqkv.weight, attention.wqkv.bias),
        qk_norm=_qk_norm(attention) if attention.attention_qk_norm else None,
        wo=residual_linear(attention.wo.weight, attention.wo.bias),
        ffn_norm=_norm(layer.ffn_norm),
        gate=gated_linear(feed_forward.w1.weight, feed_forward.w3.weight),
        w2=residual_linear(feed_forward.w2.weight),
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
    """Rotations by position and frequency, rounded to bfloat16 as fish_speech's table is."""
    steps = torch.arange(0, head_dim, 2)[: head_dim // 2].float() / head_dim
    angles = torch.outer(torch.arange(num_positions), 1.0 / (base**steps))
    real, imag = torch.polar(torch.ones_like(angles), angles).to(torch.complex64).real, angles.sin()
    return torch.complex(real.bfloat16().float(), imag.bfloat16().float())
