"""The steps between two matrix products of a frame, as ops that take few kernel launches.

    embed      a frame's tokens -> the slow transformer's input
    add_norm   a residual sum and its norm
    mask       once per step: what each row may attend to
    attend     norm and rotate the new query and key, store key and value, attend to the row so far
    gate       silu(a) * b
    sample     penalty, top-p, noise, choice; the code's embedding for the next step
    record     the sampled frame into the rows' state

All ops work in place on the decoder's buffers and never synchronise. ReferenceOps are the plain path's own
steps: they run anywhere, and kernels are compared with them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from fishd.engines.fish.model.architecture import Block, Model, Norm, Shape
from fishd.engines.fish.model.fast import oldest_frame, penalise_semantic
from fishd.engines.fish.model.rows import Rows
from fishd.engines.fish.model.sampling import candidate_salt, exponential_noise, penalise, sample
from fishd.engines.fish.model.slow import attend_one, embed, split_qkv


@dataclass(frozen=True, slots=True)
class LayerCache:
    """One layer's keys and values, [row, KV head, position, head_dim], and the rotations by position."""

    keys: Tensor
    values: Tensor
    rope: Tensor  # complex64 [positions, head_dim / 2]


class Ops(Protocol):
    """See above. `x` [n, dim] are the new tokens of n rows, `position` [n] is where each of them is.

    `is_ragged`: `attend` reads every row up to its own position and ignores `used` and `mask`.
    """

    is_ragged: bool

    def embed(self, frame: Tensor) -> Tensor: ...

    def add_norm(self, x: Tensor, y: Tensor | None, norm: Norm) -> tuple[Tensor, Tensor]: ...

    def mask(self, position: Tensor, used: int) -> Tensor | None: ...

    def attend(  # noqa: PLR0917 - everything that a new token's attention needs
        self,
        block: Block,
        shape: Shape,
        qkv: Tensor,
        cache: LayerCache,
        position: Tensor,
        mask: Tensor | None,
        used: int,
    ) -> Tensor: ...

    def gate(self, block: Block, x: Tensor) -> Tensor: ...

    def sample(self, logits: Tensor, book: int, x: Tensor) -> None:
        """Sample code number `book` (0 is the semantic token) into the frame, its embedding into `x`."""
        ...

    def record(self, n: int) -> None: ...


class ReferenceOps:
    """The plain path's steps, in torch."""

    is_ragged = False

    def __init__(self, model: Model, rows: Rows) -> None:
        self._model, self._rows = model, rows
        device, count = model.device, rows.frame.shape[0]
        codebooks = torch.arange(model.num_codebooks, device=device)
        self._offsets = (codebooks * model.codebook_size)[None, :, None]
        self._positions = torch.arange(model.max_seq_len, device=device)
        self._all_rows = torch.arange(count, device=device)
        self._salt = candidate_salt(max(len(model.slow_ids), model.codebook_size), device)
        self._top_logits = torch.zeros(count, device=device)  # see Rows.record

    def embed(self, frame: Tensor) -> Tensor:
        return embed(self._model, frame[:, :, None], self._offsets)[:, 0]

    def add_norm(self, x: Tensor, y: Tensor | None, norm: Norm) -> tuple[Tensor, Tensor]:
        x = x if y is None else x + y
        return x, norm(x)

    def mask(self, position: Tensor, used: int) -> Tensor | None:
        mask = torch.zeros(len(position), used, dtype=self._model.dtype, device=self._model.device)
        return mask.masked_fill(self._positions[:used] > position[:, None], -torch.inf)[:, None, None]

    def attend(  # noqa: PLR0917 - everything that a new token's attention needs
        self,
        block: Block,
        shape: Shape,
        qkv: Tensor,
        cache: LayerCache,
        position: Tensor,
        mask: Tensor | None,
        used: int,
    ) -> Tensor:
        n = len(qkv)
        q, k, v = split_qkv(block, shape, qkv[:, None], cache.rope[position][:, None, None])
        rows = self._all_rows[:n]
        cache.keys[rows, :, position] = k[:, 0]
        cache.values[rows, :, position] = v[:, 0]
        return attend_one(q, cache.keys[:n, :, :used], cache.values[:n, :, :used], mask)[:, 0]

    def gate(self, block: Block, x: Tensor) -> Tensor:
        return block.gate(x)

    def sample(self, logits: Tensor, book: int, x: Tensor) -> None:
        model, r, n = self._model, self._rows, len(logits)
        logits, step = logits.float(), r.step[:n]
        top_logits = logits.amax(-1)
        self._top_logits[:n] = top_logits if book == 0 else self._top_logits[:n] + top_logits
        penalty = torch.where(step[:, None] > 0, r.penalty[:n], 1.0)
        if book == 0:
            logits = penalise_semantic(model, logits, oldest_frame(r.window[:n], step)[:, :1], penalty)
        else:
            logits = penalise(logits, r.window[:n, book + 1], penalty)
        noise = exponential_noise(r.seed[:n], step, book, self._salt[: logits.shape[1]])
        code = sample(logits, r.temperature[:n], r.top_p[:n], noise)
        if book == 0:
            r.frame[:n, 0] = model.slow_ids[code]
            code = (r.frame[:n, 0] - model.semantic_begin).clamp(0, model.codebook_size - 1)
        r.frame[:n, book + 1] = code
        x.copy_(F.embedding(code, model.fast_embeddings))

    def record(self, n: int) -> None:
        rows, frame = self._all_rows[:n], self._rows.frame[:n]
        self._rows.record(rows, frame, self._top_logits[:n], self._model.im_end)
