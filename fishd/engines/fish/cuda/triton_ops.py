"""The ops as Triton kernels: each kernel's operands and launch parameters."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fishd.engines.fish.cuda.ops import LayerCache
from fishd.engines.fish.model.architecture import Block, Model, Norm, Shape
from fishd.engines.fish.model.linear import PlainGate
from fishd.engines.fish.model.rows import WINDOW, Rows


@dataclass(frozen=True, slots=True)
class Tuning:
    """Launch parameters; bench/fish_gpu.py compares others."""

    block: int = 32  # positions per iteration of `attend`
    attend_warps: int = 4
    stages: int = 3
    sample_warps: int = 8


class TritonOps:
    """The ops of triton_kernels.py.

    Raises ImportError without Triton, ValueError for a model whose shape the kernels do not support.
    """

    is_ragged = True

    def __init__(self, model: Model, rows: Rows, tuning: Tuning | None = None) -> None:
        from fishd.engines.fish.cuda import triton_kernels

        kernels: Any = triton_kernels
        self._kernels, self._model, self._rows = kernels, model, rows
        self._tuning = tuning or Tuning()
        self._nonfinite = torch.zeros(rows.frame.shape[0], dtype=torch.int32, device=model.device)
        self._rope: dict[int, Tensor] = {}  # a complex table's address -> its view as floats
        for shape in (model.slow_shape, model.fast_shape):
            _require_supported(shape)

    def embed(self, frame: Tensor) -> Tensor:
        m, n = self._model, len(frame)
        out = torch.empty(n, m.dim, dtype=m.dtype, device=m.device)
        self._kernels.embed[(n,)](
            frame, m.embeddings, m.codebook_embeddings, out, m.semantic_begin, m.semantic_end,
            m.codebook_size, math.sqrt(m.num_codebooks + 1), m.dim, m.num_codebooks, m.scale_codebooks,
            _block_size(m.dim),
        )  # fmt: skip
        return out

    def add_norm(self, x: Tensor, y: Tensor | None, norm: Norm) -> tuple[Tensor, Tensor]:
        n, dim = x.shape
        sums, normed = x if y is None else torch.empty_like(x), torch.empty_like(x)
        given = x if y is None else y
        self._kernels.add_norm[(n,)](
            x, given, norm.weight, sums, normed, norm.eps, dim, y is not None, _block_size(dim)
        )
        return sums, normed

    def mask(self, position: Tensor, used: int) -> Tensor | None:  # noqa: ARG002 - ragged
        return None

    def attend(  # noqa: PLR0917 - everything that a new token's attention needs
        self,
        block: Block,
        shape: Shape,
        qkv: Tensor,
        cache: LayerCache,
        position: Tensor,
        mask: Tensor | None,  # noqa: ARG002 - ragged
        used: int,  # noqa: ARG002 - ragged
    ) -> Tensor:
        n, heads, d, t = len(qkv), shape.num_heads, shape.head_dim, self._tuning
        out = torch.empty(n, heads * d, dtype=qkv.dtype, device=qkv.device)
        norm = block.qk_norm or block.attention_norm  # the latter is a placeholder
        pair = 2 if heads // shape.num_kv > 1 else 1
        length = cache.keys.shape[2]
        self._kernels.attend[(n, heads // pair)](
            qkv, norm.weight, self._floats(cache.rope), cache.keys, cache.values, position, out,
            1.0 / math.sqrt(d), norm.eps, cache.keys.stride(0), cache.keys.stride(1), heads, shape.num_kv, d,
            pair, block.qk_norm is not None, min(t.block, _block_size(length)), t.stages,
            num_warps=t.attend_warps,
        )  # fmt: skip
        return out

    def gate(self, block: Block, x: Tensor) -> Tensor:
        assert isinstance(block.gate, PlainGate), "require_plain must be called first"
        both = functional.linear(x, block.gate.both)
        n, width = both.shape[0], both.shape[1] // 2
        out = torch.empty(n, width, dtype=x.dtype, device=x.device)
        self._kernels.gate[(n, -(-width // 1024))](both, out, width, 1024)
        return out

    def sample(self, logits: Tensor, book: int, x: Tensor) -> None:
        m, r, (n, count) = self._model, self._rows, logits.shape
        self._kernels.sample[(n,)](
            logits, r.window, r.step, r.seed, r.temperature, r.top_p, r.penalty, m.slow_ids,
            m.fast_embeddings, r.frame, self._nonfinite, x, count, m.semantic_begin, m.codebook_size,
            x.shape[1], book, book == 0, m.num_codebooks, WINDOW, _block_size(count),
            _block_size(x.shape[1]), num_warps=self._tuning.sample_warps,
        )  # fmt: skip

    def record(self, n: int) -> None:
        m, r = self._model, self._rows
        self._kernels.record[(n,)](
            r.frame, r.step, r.window, r.codes, r.ended, r.nonfinite, self._nonfinite, m.im_end,
            r.codes.shape[1], m.num_codebooks, WINDOW, _block_size(m.num_codebooks + 1), num_warps=1,
        )  # fmt: skip

    def _floats(self, rope: Tensor) -> Tensor:
        address = rope.data_ptr()
        if address not in self._rope:
            self._rope[address] = torch.view_as_real(rope)
        return self._rope[address]


def _block_size(size: int) -> int:
    """The block that holds so many elements; Triton's blocks are powers of two."""
    return 1 << (size - 1).bit_length()


def _require_supported(shape: Shape) -> None:
    group = shape.num_heads // shape.num_kv
    if shape.head_dim & (shape.head_dim - 1) or (group > 1 and group % 2):
        raise ValueError(f"head_dim {shape.head_dim}, {group} query heads to a key head")
