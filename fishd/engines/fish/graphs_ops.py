"""What stands between two matrix products of a frame, in few launches: ops for any device, and Triton's.

    embed      a frame's tokens -> the slow transformer's input
    add_norm   the residual sum and its norm
    attend     norm and turn the new query and key, keep key and value, attend to the row so far
    gate       silu(a) * b
    draw       penalty, nucleus, noise, choice; the code's embedding for the next step
    record     the drawn frame into the row's records

TorchOps are the plain path's own steps: they run anywhere, are what the kernels are compared with, and may
be handed to torch.compile. All work in place on the decoder's buffers and wait for nothing.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from fishd.engines.fish.linear import Gate
from fishd.engines.fish.model import Block, Model, Norm, Shape
from fishd.engines.fish.rows import WINDOW, Rows
from fishd.engines.fish.sampling import candidate_salt, exponential_noise, penalise, pick
from fishd.engines.fish.slow import embed, turn

Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True, slots=True)
class Cache:
    """One layer's keys and values, [row, kv head, position, head_dim], and the rotations by position."""

    keys: Tensor
    values: Tensor
    rope: Tensor  # complex64 [positions, head_dim / 2]


class Ops(Protocol):
    """See above. `n` rows, their new tokens in `x` [n, dim]; `position` [n] is where each stands."""

    name: str

    def embed(self, frame: Tensor) -> Tensor: ...

    def add_norm(self, x: Tensor, y: Tensor | None, norm: Norm) -> tuple[Tensor, Tensor]: ...

    def view(self, position: Tensor, used: int) -> Tensor | None:
        """Made once a step for its `attend`s: what each row may see of the first `used` positions."""
        ...

    def attend(  # noqa: PLR0917 - all that a new token's attention takes
        self,
        block: Block,
        shape: Shape,
        qkv: Tensor,
        cache: Cache,
        position: Tensor,
        view: Tensor | None,
        used: int,
    ) -> Tensor: ...

    def gate(self, block: Block, x: Tensor) -> Tensor: ...

    def draw(self, logits: Tensor, book: int, x: Tensor) -> None:
        """Draw code number `book`, 0 being the semantic token, into the frame; its embedding into `x`."""
        ...

    def record(self, n: int) -> None: ...


class TorchOps:
    """The plain path's steps. `attend_one` says how one new token a row attends."""

    name = "torch"

    def __init__(self, model: Model, rows: Rows, attend_one: Attend) -> None:
        self._model, self._rows, self._attend_one = model, rows, attend_one
        device, count = model.device, rows.frame.shape[0]
        self._offsets = (torch.arange(model.num_codebooks, device=device) * model.codebook_size)[
            None, :, None
        ]
        self._places = torch.arange(model.max_seq_len, device=device)
        self._every_row = torch.arange(count, device=device)
        self._salt = candidate_salt(max(len(model.slow_ids), model.codebook_size), device)
        self._worst = torch.zeros(count, device=device)

    def embed(self, frame: Tensor) -> Tensor:
        return embed(self._model, frame[:, :, None], self._offsets)[:, 0]

    def add_norm(self, x: Tensor, y: Tensor | None, norm: Norm) -> tuple[Tensor, Tensor]:
        x = x if y is None else x + y
        return x, norm(x)

    def view(self, position: Tensor, used: int) -> Tensor | None:
        mask = torch.zeros(len(position), used, dtype=self._model.dtype, device=self._model.device)
        return mask.masked_fill(self._places[:used] > position[:, None], -torch.inf)[:, None, None]

    def attend(  # noqa: PLR0917 - all that a new token's attention takes
        self,
        block: Block,
        shape: Shape,
        qkv: Tensor,
        cache: Cache,
        position: Tensor,
        view: Tensor | None,
        used: int,
    ) -> Tensor:
        n = len(qkv)
        q, k, v = turn(block, shape, qkv[:, None], cache.rope[position][:, None, None])
        rows = self._every_row[:n]
        cache.keys[rows, :, position] = k[:, 0]
        cache.values[rows, :, position] = v[:, 0]
        return self._attend_one(q, cache.keys[:n, :, :used], cache.values[:n, :, :used], view)[:, 0]

    def gate(self, block: Block, x: Tensor) -> Tensor:
        return block.gate(x)

    def draw(self, logits: Tensor, book: int, x: Tensor) -> None:
        model, r, n = self._model, self._rows, len(logits)
        logits, step = logits.float(), r.step[:n]
        worst = logits.amax(-1)
        self._worst[:n] = worst if book == 0 else self._worst[:n] + worst
        penalty = torch.where(step[:, None] > 0, r.penalty[:n], 1.0)
        recent = self._recent_token(step) if book == 0 else r.window[:n, book + 1]
        if book == 0:
            heard = (recent >= 0) & (recent < len(model.slow_ids) - 1)
            recent, penalty = recent.clamp(0, len(model.slow_ids) - 1), torch.where(heard, penalty, 1.0)
        noise = exponential_noise(r.seed[:n], step, book, self._salt[: logits.shape[1]])
        code = pick(penalise(logits, recent, penalty), r.temperature[:n], r.top_p[:n], noise)
        if book == 0:
            r.frame[:n, 0] = model.slow_ids[code]
            code = (r.frame[:n, 0] - model.semantic_begin).clamp(0, model.codebook_size - 1)
        r.frame[:n, book + 1] = code
        x.copy_(F.embedding(code, model.fast_embeddings))

    def _recent_token(self, step: Tensor) -> Tensor:
        """As in fast.py: the penalty of the semantic token falls on the oldest frame of the window."""
        oldest = torch.where(step > WINDOW, (step - 1) % WINDOW, 0)
        return self._rows.window[: len(step), 0].gather(1, oldest[:, None]) - self._model.semantic_begin

    def record(self, n: int) -> None:
        r = self._rows
        rows, step, frame = self._every_row[:n], r.step[:n], r.frame[:n]
        r.codes[rows, step.clamp(max=r.codes.shape[1] - 1)] = frame[:, 1:].to(r.codes.dtype)
        ring = (step - 1).clamp(min=0) % WINDOW
        r.window[rows, :, ring] = torch.where(step[:, None] > 0, frame, r.window[rows, :, ring])
        ends = (frame[:, 0] == self._model.im_end) & (r.ended[:n] < 0)
        r.ended[:n] = torch.where(ends, step, r.ended[:n])
        broken = ~torch.isfinite(self._worst[:n]) & (r.broken[:n] < 0)
        r.broken[:n] = torch.where(broken, step, r.broken[:n])
        r.step[:n] += 1


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the kernels are cut; bench/fish_gpu.py tries others."""

    block: int = 32  # positions that `attend` takes at once
    attend_warps: int = 4
    stages: int = 3
    draw_warps: int = 8


class TritonOps:
    """The same as kernels of graphs_triton.py.

    Raises ImportError without Triton, ValueError for a model whose shape they were not written for.
    """

    name = "triton"

    def __init__(self, model: Model, rows: Rows, tuning: Tuning | None = None) -> None:
        from fishd.engines.fish import graphs_triton

        kernels: Any = graphs_triton
        self._kernels, self._model, self._rows = kernels, model, rows
        self._tuning = tuning or Tuning()
        self._bad = torch.zeros(rows.frame.shape[0], dtype=torch.int32, device=model.device)
        self._rope: dict[int, Tensor] = {}  # a complex table's address -> the same numbers as floats
        for shape in (model.slow_shape, model.fast_shape):
            _require_fit(shape)

    def embed(self, frame: Tensor) -> Tensor:
        m, n = self._model, len(frame)
        out = torch.empty(n, m.dim, dtype=m.dtype, device=m.device)
        self._kernels.embed[(n,)](
            frame, m.embeddings, m.codebook_embeddings, out, m.semantic_begin, m.semantic_end,
            m.codebook_size, math.sqrt(m.num_codebooks + 1), m.dim, m.num_codebooks, m.scale_codebooks,
            _power(m.dim),
        )  # fmt: skip
        return out

    def add_norm(self, x: Tensor, y: Tensor | None, norm: Norm) -> tuple[Tensor, Tensor]:
        n, dim = x.shape
        sums, normed = x if y is None else torch.empty_like(x), torch.empty_like(x)
        given = x if y is None else y
        self._kernels.add_norm[(n,)](
            x, given, norm.weight, sums, normed, norm.eps, dim, y is not None, _power(dim)
        )
        return sums, normed

    def view(self, position: Tensor, used: int) -> Tensor | None:  # noqa: ARG002 - the kernel looks by itself
        return None

    def attend(  # noqa: PLR0917 - all that a new token's attention takes
        self,
        block: Block,
        shape: Shape,
        qkv: Tensor,
        cache: Cache,
        position: Tensor,
        view: Tensor | None,  # noqa: ARG002 - the kernel sees each row's own length
        used: int,  # noqa: ARG002 - as above
    ) -> Tensor:
        n, heads, d, t = len(qkv), shape.num_heads, shape.head_dim, self._tuning
        out = torch.empty(n, heads * d, dtype=qkv.dtype, device=qkv.device)
        norm = block.qk_norm or block.attention_norm  # the latter only stands in its place
        pair = 2 if heads // shape.num_kv > 1 else 1
        length = cache.keys.shape[2]
        self._kernels.attend[(n, heads // pair)](
            qkv, norm.weight, self._floats(cache.rope), cache.keys, cache.values, position, out,
            1.0 / math.sqrt(d), norm.eps, cache.keys.stride(0), cache.keys.stride(1), heads, shape.num_kv, d,
            pair, block.qk_norm is not None, min(t.block, _power(length)), t.stages, num_warps=t.attend_warps,
        )  # fmt: skip
        return out

    def gate(self, block: Block, x: Tensor) -> Tensor:
        assert isinstance(block.gate, Gate), "checked when these ops were made"
        both = F.linear(x, block.gate.both)
        n, width = both.shape[0], both.shape[1] // 2
        out = torch.empty(n, width, dtype=x.dtype, device=x.device)
        self._kernels.gate[(n, -(-width // 1024))](both, out, width, 1024)
        return out

    def draw(self, logits: Tensor, book: int, x: Tensor) -> None:
        m, r, (n, count) = self._model, self._rows, logits.shape
        self._kernels.draw[(n,)](
            logits, r.window, r.step, r.seed, r.temperature, r.top_p, r.penalty, m.slow_ids,
            m.fast_embeddings, r.frame, self._bad, x, count, m.semantic_begin, m.codebook_size,
            x.shape[1], book, book == 0, m.num_codebooks, WINDOW, _power(count), _power(x.shape[1]),
            num_warps=self._tuning.draw_warps,
        )  # fmt: skip

    def record(self, n: int) -> None:
        m, r = self._model, self._rows
        self._kernels.record[(n,)](
            r.frame, r.step, r.window, r.codes, r.ended, r.broken, self._bad, m.im_end, r.codes.shape[1],
            m.num_codebooks, WINDOW, _power(m.num_codebooks + 1), num_warps=1,
        )  # fmt: skip

    def _floats(self, rope: Tensor) -> Tensor:
        place = rope.data_ptr()
        if place not in self._rope:
            self._rope[place] = torch.view_as_real(rope)
        return self._rope[place]


def _power(size: int) -> int:
    """The next power of two: kernels work on blocks of such sizes."""
    return 1 << (size - 1).bit_length()


def _require_fit(shape: Shape) -> None:
    group = shape.num_heads // shape.num_kv
    if shape.head_dim & (shape.head_dim - 1) or (group > 1 and group % 2):
        raise ValueError(f"head_dim {shape.head_dim}, {group} query heads to a key head")
