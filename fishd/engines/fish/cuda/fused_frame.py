"""A frame with few launches: the two transformers' steps, written over `Ops`.

They compute what `Slow.step` and `Fast.draw` compute, rounding included where the device allows it. Products
are the weights' own; what stands between two products is one call of the ops. One layer is four products
and four other launches. Upstream's quirks are not reproduced here: with them the plain path is used.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import torch
from torch import Tensor

from fishd.engines.fish.cuda.ops import Cache, Ops
from fishd.engines.fish.model.architecture import Block, Model
from fishd.engines.fish.model.linear import PlainGate, PlainLinear
from fishd.engines.fish.model.rows import Rows
from fishd.engines.fish.model.slow import SlowTransformer


class FusedSlow(SlowTransformer):
    """Reads prompts as `Slow` does, and new frames through ops."""

    def __init__(self, model: Model, keys: Tensor, values: Tensor, ops: Ops) -> None:
        super().__init__(model, keys, values)
        self._fused, self._ops = model, ops
        self._caches = [Cache(k, v, model.slow_rope) for k, v in zip(keys, values, strict=True)]

    def step(self, frame: Tensor, position: Tensor, used: int) -> Tensor:
        """See `Slow.step`."""
        model, ops = self._fused, self._ops
        view = ops.view(position, used)
        x, y = ops.embed(frame), None
        for block, cache in zip(model.slow, self._caches, strict=True):
            x, normed = ops.add_norm(x, y, block.attention_norm)
            heard = ops.attend(block, model.slow_shape, block.wqkv(normed), cache, position, view, used)
            x, y = _feed(ops, block, x, _times(heard, block.wo))
        return x if y is None else x + y


class FusedFast:
    """Draws frames for the first n rows through ops, as `Fast` does.

    The hidden state and the semantic code are read in one pass: the first n rows of a batch of 2 n stand at
    place 0, the others at place 1.
    """

    def __init__(self, model: Model, rows: Rows, ops: Ops) -> None:
        self._model, self._rows, self._ops = model, rows, ops
        shape, count, books = model.fast_shape, rows.frame.shape[0], model.num_codebooks
        cache = (len(model.fast), count, shape.num_kv, books, shape.head_dim)
        keys = torch.zeros(cache, dtype=model.dtype, device=model.device)
        values = torch.zeros_like(keys)
        self._caches = [Cache(k, v, model.fast_rope) for k, v in zip(keys, values, strict=True)]
        self._places = torch.arange(books, device=model.device)[:, None].expand(books, count).contiguous()
        width = model.fast_embeddings.shape[1]
        self._x = torch.zeros(2 * count, width, dtype=model.dtype, device=model.device)

    def sample_frame(self, n: int) -> None:
        """Draw the next frame of the first n rows from their hidden state, and take it into their records."""
        model, ops, hidden, x = self._model, self._ops, self._rows.hidden[:n], self._x
        _, normed = ops.add_norm(hidden, None, model.slow_norm)
        ops.draw(model.slow_head(normed), 0, x[n : 2 * n])
        x[:n] = model.fast_project_in(hidden)
        drawn = self._first_two(n)
        for book in range(1, model.num_codebooks):
            ops.draw(model.fast_head(drawn), book, x[:n])
            if book + 1 < model.num_codebooks:
                drawn = self._next(n, book + 1)
        ops.record(n)

    def _first_two(self, n: int) -> Tensor:
        """Read both; -> the second's normed output [n, dim]."""
        model, ops, x, y = self._model, self._ops, self._x[: 2 * n], None
        last = len(model.fast) - 1
        for i, (block, cache) in enumerate(zip(model.fast, self._caches, strict=True)):
            x, normed = ops.add_norm(x, y, block.attention_norm)
            heard = [
                self._attend(block, half, cache, p) for p, half in enumerate(block.wqkv(normed).split(n))
            ]
            if i == last:  # of the last layer only the second position is read
                x, y = _feed(ops, block, x[n:], _times(heard[1], block.wo))
            else:
                x, y = _feed(ops, block, x, _times(torch.cat(heard), block.wo))
        return ops.add_norm(x, y, model.fast_norm)[1]

    def _next(self, n: int, place: int) -> Tensor:
        """Read one code at `place`; -> its normed output [n, dim]."""
        model, ops, x, y = self._model, self._ops, self._x[:n], None
        for block, cache in zip(model.fast, self._caches, strict=True):
            x, normed = ops.add_norm(x, y, block.attention_norm)
            heard = self._attend(block, block.wqkv(normed), cache, place)
            x, y = _feed(ops, block, x, _times(heard, block.wo))
        return ops.add_norm(x, y, model.fast_norm)[1]

    def _attend(self, block: Block, qkv: Tensor, cache: Cache, place: int) -> Tensor:
        shape = self._model.fast_shape
        return self._ops.attend(block, shape, qkv, cache, self._places[place, : len(qkv)], None, place + 1)


def _feed(ops: Ops, block: Block, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The second half of a layer; -> the residual sum and what is yet to be added to it."""
    x, normed = ops.add_norm(x, y, block.ffn_norm)
    return x, _times(ops.gate(block, normed), block.w2)


def _times(x: Tensor, weight: object) -> Tensor:
    """The product alone; its sum is left to the norm that follows."""
    assert isinstance(weight, PlainLinear), "require_plain was to be asked first"
    return weight(x)


def require_plain(model: Model) -> None:
    """Raise ValueError for weights in a layout of the CPU's, whose products fuse what ops would do."""
    for block in (*model.slow, *model.fast):
        if not isinstance(block.gate, PlainGate):
            raise ValueError("the weights are packed for a CPU")  # noqa: TRY004 - a kind of weights, not of argument
