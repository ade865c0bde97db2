"""Comparing two implementations of the ops, once at load, on the real weights and made-up inputs."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fishd.engines.fish.cuda.ops import LayerCache, Ops
from fishd.engines.fish.model.architecture import Block, Model, Shape
from fishd.engines.fish.model.rows import Rows

TOLERANCE = {torch.float32: 1e-4, torch.float16: 3e-3, torch.bfloat16: 2e-2}  # of the reference's norm
POSITIONS = (0, 1, 37, 64)


@dataclass(frozen=True, slots=True)
class Inputs:
    """A frame, two activations, and a product with wqkv of each transformer."""

    frame: Tensor
    x: Tensor
    y: Tensor
    slow_qkv: Tensor
    fast_qkv: Tensor


@torch.inference_mode()
def find_mismatches(model: Model, rows: Rows, ops: Ops, reference: Ops) -> list[str]:
    """The names of the ops whose results differ from the reference's. Leaves the rows as allocated."""
    n = min(len(POSITIONS), rows.frame.shape[0])
    inputs = _made_up_inputs(model, rows, n)
    actual, expected = (_results(o, model, rows, inputs) for o in (ops, reference))
    return [name for name in expected if not _is_close(actual[name], expected[name])]


def _made_up_inputs(model: Model, rows: Rows, n: int) -> Inputs:
    generator = torch.Generator(model.device).manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=model.device).to(model.dtype)

    def qkv_width(shape: Shape) -> int:
        return (shape.num_heads + 2 * shape.num_kv) * shape.head_dim

    x, y = noise(n, model.dim), noise(n, model.dim)
    frame = torch.full_like(rows.frame[:n], 3)
    frame[:, 0] = model.semantic_begin + 5
    slow_qkv, fast_qkv = noise(n, qkv_width(model.slow_shape)), noise(n, qkv_width(model.fast_shape))
    return Inputs(frame, x, y, slow_qkv, fast_qkv)


def _results(ops: Ops, model: Model, rows: Rows, inputs: Inputs) -> dict[str, Tensor]:
    """Every op's result by name."""
    block, n = model.slow[0], len(inputs.frame)
    sums, normed = ops.add_norm(inputs.x, inputs.y, block.ffn_norm)
    slow, slow_cache = _attention(ops, block, model.slow_shape, inputs.slow_qkv, model.slow_rope)
    fast, fast_cache = _attention(ops, model.fast[0], model.fast_shape, inputs.fast_qkv, model.fast_rope)
    return {
        "embed": ops.embed(inputs.frame), "sum": sums, "norm": normed, "gate": ops.gate(block, inputs.x),
        "slow attention": slow, "slow KV cache": slow_cache,
        "fast attention": fast, "fast KV cache": fast_cache,
        "semantic sample": _sample(ops, model, rows, n, 0),
        "residual sample": _sample(ops, model, rows, n, 1),
    }  # fmt: skip


def _attention(ops: Ops, block: Block, shape: Shape, qkv: Tensor, rope: Tensor) -> tuple[Tensor, Tensor]:
    """The attention of rows at different positions, and the KV cache afterwards."""
    length = min(max(POSITIONS) + 1, rope.shape[0])
    generator = torch.Generator(qkv.device).manual_seed(1)
    size = (2, len(qkv), shape.num_kv, length, shape.head_dim)
    keys, values = torch.randn(size, generator=generator, device=qkv.device).to(qkv.dtype)
    position = torch.tensor([min(p, length - 1) for p in POSITIONS[: len(qkv)]], device=qkv.device)
    cache, mask = LayerCache(keys, values, rope), ops.mask(position, length)
    attended = ops.attend(block, shape, qkv, cache, position, mask, length)
    return attended, torch.cat([keys.flatten(), values.flatten()])


def _sample(ops: Ops, model: Model, rows: Rows, n: int, book: int) -> Tensor:
    """A code and its embedding, from logits so far apart that no rounding decides."""
    width = model.fast_embeddings.shape[1]
    fast_logits = model.fast_head(rows.hidden.new_zeros(1, width))
    count = len(model.slow_ids) if book == 0 else fast_logits.shape[1]
    order = torch.arange(count, device=model.device).roll(7)
    logits = (order.float()[None] * 8 / count).repeat(n, 1).to(model.dtype)
    x = torch.empty(n, width, dtype=model.dtype, device=model.device)
    rows.top_p[:n], rows.seed[:n] = 1e-6, torch.arange(n, device=model.device)
    ops.sample(logits, book, x)
    sampled = torch.cat([rows.frame[:n, book + 1].float().flatten(), x.float().flatten()])
    rows.top_p[:n], rows.seed[:n], rows.frame[:n] = 1.0, 0, 0
    return sampled


def _is_close(actual: Tensor, expected: Tensor) -> bool:
    error = float((actual - expected).float().norm() / expected.float().norm())
    return error <= TOLERANCE.get(expected.dtype, 1e-4)
