"""A frame with few kernel launches: both transformers' steps, written over `Ops`.

They compute what `SlowTransformer.step` and `FastTransformer.sample_frame` compute, with the same rounding
where the device allows it. Matrix products are plain; everything between two products is one op, so that a
layer is four products and four other launches. Upstream quirks are not implemented here; the plain path has
them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import torch
from torch import Tensor

from fishd.engines.fish.cuda.ops import LayerCache, Ops
from fishd.engines.fish.model.architecture import Block, Model
from fishd.engines.fish.model.linear import PlainGate, PlainLinear
from fishd.engines.fish.model.rows import Rows
from fishd.engines.fish.model.slow import SlowTransformer


class FusedSlowTransformer(SlowTransformer):
    """Prefills as SlowTransformer does, and steps through ops."""

    def __init__(self, model: Model, keys: Tensor, values: Tensor, ops: Ops) -> None:
        super().__init__(model, keys, values)
        self._fused, self._ops = model, ops
        self._caches = [LayerCache(k, v, model.slow_rope) for k, v in zip(keys, values, strict=True)]

    def step(self, frame: Tensor, position: Tensor, used: int) -> Tensor:
        """See SlowTransformer."""
        model, ops = self._fused, self._ops
        mask = ops.mask(position, used)
        x, y = ops.embed(frame), None
        for block, cache in zip(model.slow, self._caches, strict=True):
            x, normed = ops.add_norm(x, y, block.attention_norm)
            attended = ops.attend(block, model.slow_shape, block.wqkv(normed), cache, position, mask, used)
            x, y = _feed_forward(ops, block, x, _product(attended, block.wo))
        return x if y is None else x + y


class FusedFastTransformer:
    """Samples frames for the first n rows through ops, as FastTransformer does.

    The hidden state and the semantic code run in one pass: in a batch of 2 n, the first n rows are at
    position 0 and the others at position 1.
    """

    def __init__(self, model: Model, rows: Rows, ops: Ops) -> None:
        self._model, self._rows, self._ops = model, rows, ops
        shape, count, books = model.fast_shape, rows.frame.shape[0], model.num_codebooks
        cache = (len(model.fast), count, shape.num_kv, books, shape.head_dim)
        keys = torch.zeros(cache, dtype=model.dtype, device=model.device)
        values = torch.zeros_like(keys)
        self._caches = [LayerCache(k, v, model.fast_rope) for k, v in zip(keys, values, strict=True)]
        books_by_row = torch.arange(books, device=model.device)[:, None].expand(books, count)
        self._positions = books_by_row.contiguous()
        width = model.fast_embeddings.shape[1]
        self._x = torch.zeros(2 * count, width, dtype=model.dtype, device=model.device)

    def sample_frame(self, n: int) -> None:
        """See FastTransformer."""
        model, ops, hidden, x = self._model, self._ops, self._rows.hidden[:n], self._x
        _, normed = ops.add_norm(hidden, None, model.slow_norm)
        ops.sample(model.slow_head(normed), 0, x[n : 2 * n])
        x[:n] = model.fast_project_in(hidden)
        output = self._first_two_positions(n)
        for book in range(1, model.num_codebooks):
            ops.sample(model.fast_head(output), book, x[:n])
            if book + 1 < model.num_codebooks:
                output = self._next_position(n, book + 1)
        ops.record(n)

    def _first_two_positions(self, n: int) -> Tensor:
        """Both positions in one pass -> the second's normed output [n, dim]."""
        model, ops, x, y = self._model, self._ops, self._x[: 2 * n], None
        last = len(model.fast) - 1
        for i, (block, cache) in enumerate(zip(model.fast, self._caches, strict=True)):
            x, normed = ops.add_norm(x, y, block.attention_norm)
            halves = block.wqkv(normed).split(n)
            attended = [self._attend(block, half, cache, position) for position, half in enumerate(halves)]
            if i == last:  # the last layer's output is only needed at the second position
                x, y = _feed_forward(ops, block, x[n:], _product(attended[1], block.wo))
            else:
                x, y = _feed_forward(ops, block, x, _product(torch.cat(attended), block.wo))
        return ops.add_norm(x, y, model.fast_norm)[1]

    def _next_position(self, n: int, position: int) -> Tensor:
        """One code at `position` -> its normed output [n, dim]."""
        model, ops, x, y = self._model, self._ops, self._x[:n], None
        for block, cache in zip(model.fast, self._caches, strict=True):
            x, normed = ops.add_norm(x, y, block.attention_norm)
            attended = self._attend(block, block.wqkv(normed), cache, position)
            x, y = _feed_forward(ops, block, x, _product(attended, block.wo))
        return ops.add_norm(x, y, model.fast_norm)[1]

    def _attend(self, block: Block, qkv: Tensor, cache: LayerCache, position: int) -> Tensor:
        positions = self._positions[position, : len(qkv)]
        return self._ops.attend(block, self._model.fast_shape, qkv, cache, positions, None, position + 1)


def _feed_forward(ops: Ops, block: Block, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The second half of a layer -> the residual sum, and what the next norm has yet to add to it."""
    x, normed = ops.add_norm(x, y, block.ffn_norm)
    return x, _product(ops.gate(block, normed), block.w2)


def _product(x: Tensor, weight: object) -> Tensor:
    """The product without its residual sum, which the norm that follows computes."""
    assert isinstance(weight, PlainLinear), "require_plain must be called first"
    return weight(x)


def require_plain(model: Model) -> None:
    """Raise ValueError for weights packed for a CPU, whose products fuse what ops would compute."""
    for block in (*model.slow, *model.fast):
        if not isinstance(block.gate, PlainGate):
            raise ValueError("the weights are packed for a CPU")  # noqa: TRY004 - a kind of weights, not of argument
