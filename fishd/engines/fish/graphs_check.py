"""Do two kinds of ops compute the same? Asked once at load, on the real weights and made-up inputs."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import torch
from torch import Tensor

from fishd.engines.fish.graphs_ops import Cache, Ops
from fishd.engines.fish.model import Block, Model, Shape
from fishd.engines.fish.rows import Rows

TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 4e-2}  # of the norm of what is right
PLACES = (0, 1, 37, 64)  # where rows may stand


@torch.inference_mode()
def disagreements(model: Model, rows: Rows, ours: Ops, right: Ops) -> list[str]:
    """What `ours` computes otherwise than `right`, in words. Uses the decoder's rows; leaves them as at first."""
    n = min(len(PLACES), rows.frame.shape[0])
    generator = torch.Generator(model.device).manual_seed(0)

    def made_up(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=model.device).to(model.dtype)

    block, x, y = model.slow[0], made_up(n, model.dim), made_up(n, model.dim)
    frame = torch.full_like(rows.frame[:n], 3)
    frame[:, 0] = model.semantic_begin + 5
    width = (model.slow_shape.num_heads + 2 * model.slow_shape.num_kv) * model.slow_shape.head_dim
    narrow = (model.fast_shape.num_heads + 2 * model.fast_shape.num_kv) * model.fast_shape.head_dim
    slow, fast = made_up(n, width), made_up(n, narrow)
    pairs = {
        "embed": [ops.embed(frame) for ops in (ours, right)],
        "add_norm": [torch.stack(ops.add_norm(x, y, block.ffn_norm)) for ops in (ours, right)],
        "gate": [ops.gate(block, x) for ops in (ours, right)],
        "attend, slow": [_attended(o, block, model.slow_shape, slow, model.slow_rope) for o in (ours, right)],
        "attend, fast": [
            _attended(o, model.fast[0], model.fast_shape, fast, model.fast_rope) for o in (ours, right)
        ],
        "draw": [_drawn(o, model, rows, n, 0) for o in (ours, right)],
        "draw, residual": [_drawn(o, model, rows, n, 1) for o in (ours, right)],
    }
    return [name for name, (a, b) in pairs.items() if not _is_close(a, b)]


def _attended(ops: Ops, block: Block, shape: Shape, qkv: Tensor, rope: Tensor) -> Tensor:
    """What rows at different places hear, and what is kept of them."""
    length = min(max(PLACES) + 1, rope.shape[0])
    generator = torch.Generator(qkv.device).manual_seed(1)
    size = (2, len(qkv), shape.num_kv, length, shape.head_dim)
    keys, values = torch.randn(size, generator=generator, device=qkv.device).to(qkv.dtype)
    position = torch.tensor([min(p, length - 1) for p in PLACES[: len(qkv)]], device=qkv.device)
    heard = ops.attend(
        block, shape, qkv, Cache(keys, values, rope), position, ops.view(position, length), length
    )
    return torch.cat([heard.flatten(), keys.flatten(), values.flatten()])


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
    gap = torch.linalg.vector_norm((ours - right).float()) / torch.linalg.vector_norm(right.float())
    return bool(gap <= TOLERANCE.get(right.dtype, 1e-4))


def _width(model: Model) -> int:
    return model.fast_embeddings.shape[1]
