"""Do two kinds of ops compute the same? Asked once at load, on the real weights and made-up inputs."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fishd.engines.fish.cuda.ops import Cache, Ops
from fishd.engines.fish.model.architecture import Block, Model, Shape
from fishd.engines.fish.model.rows import Rows

TOLERANCE = {torch.float32: 1e-4, torch.float16: 3e-3, torch.bfloat16: 2e-2}  # of the norm of what is right
PLACES = (0, 1, 37, 64)  # where rows may stand


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the ops are given: a frame, two activations, a product with wqkv of either transformer."""

    frame: Tensor
    x: Tensor
    y: Tensor
    slow: Tensor
    fast: Tensor


@torch.inference_mode()
def disagreements(model: Model, rows: Rows, ours: Ops, right: Ops) -> list[str]:
    """What `ours` computes otherwise than `right`, in words. Leaves the rows as they are at first."""
    n = min(len(PLACES), rows.frame.shape[0])
    generator = torch.Generator(model.device).manual_seed(0)

    def made_up(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=model.device).to(model.dtype)

    x, y = made_up(n, model.dim), made_up(n, model.dim)
    frame = torch.full_like(rows.frame[:n], 3)
    frame[:, 0] = model.semantic_begin + 5
    width = (model.slow_shape.num_heads + 2 * model.slow_shape.num_kv) * model.slow_shape.head_dim
    narrow = (model.fast_shape.num_heads + 2 * model.fast_shape.num_kv) * model.fast_shape.head_dim
    slow, fast = made_up(n, width), made_up(n, narrow)
    found = [_computed(ops, model, rows, Inputs(frame, x, y, slow, fast)) for ops in (ours, right)]
    return [name for name, a in found[0].items() if not _is_close(a, found[1][name])]


def _computed(ops: Ops, model: Model, rows: Rows, given: Inputs) -> dict[str, Tensor]:
    """Every op's result, by name."""
    block, n = model.slow[0], len(given.frame)
    sums, normed = ops.add_norm(given.x, given.y, block.ffn_norm)
    heard, kept = _attended(ops, block, model.slow_shape, given.slow, model.slow_rope)
    heard_fast, kept_fast = _attended(ops, model.fast[0], model.fast_shape, given.fast, model.fast_rope)
    return {
        "embed": ops.embed(given.frame), "sum": sums, "norm": normed, "gate": ops.gate(block, given.x),
        "attend": heard, "keep": kept, "attend, fast": heard_fast, "keep, fast": kept_fast,
        "draw": _drawn(ops, model, rows, n, 0), "draw, residual": _drawn(ops, model, rows, n, 1),
    }  # fmt: skip


def _attended(ops: Ops, block: Block, shape: Shape, qkv: Tensor, rope: Tensor) -> tuple[Tensor, Tensor]:
    """What rows at different places hear, and what is kept of them."""
    length = min(max(PLACES) + 1, rope.shape[0])
    generator = torch.Generator(qkv.device).manual_seed(1)
    size = (2, len(qkv), shape.num_kv, length, shape.head_dim)
    keys, values = torch.randn(size, generator=generator, device=qkv.device).to(qkv.dtype)
    position = torch.tensor([min(p, length - 1) for p in PLACES[: len(qkv)]], device=qkv.device)
    heard = ops.attend(
        block, shape, qkv, Cache(keys, values, rope), position, ops.view(position, length), length
    )
    return heard, torch.cat([keys.flatten(), values.flatten()])


def _drawn(ops: Ops, model: Model, rows: Rows, n: int, book: int) -> Tensor:
    """A frame's code of well separated logits: no rounding decides."""
    count = (
        len(model.slow_ids)
        if book == 0
        else model.fast_head(rows.hidden.new_zeros(1, _width(model))).shape[1]
    )
    order = torch.arange(count, device=model.device).roll(7)
    logits = (order.float()[None] * 8 / count).repeat(n, 1).to(model.dtype)
    x = torch.empty(n, _width(model), dtype=model.dtype, device=model.device)
    rows.top_p[:n], rows.seed[:n] = 1e-6, torch.arange(n, device=model.device)
    ops.draw(logits, book, x)
    drawn = torch.cat([rows.frame[:n, book + 1].float().flatten(), x.float().flatten()])
    rows.top_p[:n], rows.seed[:n], rows.frame[:n] = 1.0, 0, 0
    return drawn


def _is_close(ours: Tensor, right: Tensor) -> bool:
    gap = float((ours - right).float().norm() / right.float().norm())
    return gap <= TOLERANCE.get(right.dtype, 1e-4)


def _width(model: Model) -> int:
    return model.fast_embeddings.shape[1]
