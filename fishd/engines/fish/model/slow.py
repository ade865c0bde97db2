"""The slow transformer: from a row's tokens so far to the hidden state that the next frame is sampled from.

Three entry points: `prefill_prefix` (a voice's prompt, once), `prefill_suffix` (the lines' own tokens,
several rows, right-padded) and `step` (one new frame for the first `n` rows). The KV cache is [layer, row,
KV head, position, head_dim], so that a row's own part is contiguous per head.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from fishd.engines.fish.model.architecture import Block, Model, Shape


class SlowTransformer:
    """The slow transformer over one KV cache."""

    def __init__(self, model: Model, keys: Tensor, values: Tensor) -> None:
        self._model, self._keys, self._values = model, keys, values
        codebooks = torch.arange(model.num_codebooks, device=model.device)
        self._offsets = (codebooks * model.codebook_size)[None, :, None]
        self._positions = torch.arange(keys.shape[3], device=model.device)
        self._all_rows = torch.arange(keys.shape[1], device=model.device)
        self._num_heads = keys.shape[2]
        self._heads = torch.arange(self._num_heads, device=model.device)

    def prefill_prefix(self, tokens: Tensor) -> Tensor:
        """[1 + codebooks, p] tokens -> a voice's keys and values, [2, layer, KV head, p, head_dim]."""
        model = self._model
        x = embed(model, tokens[None], self._offsets)
        rope = model.slow_rope[None, : tokens.shape[1], None]
        layers: list[Tensor] = []
        for block in model.slow:
            q, k, v = project_qkv(block, model.slow_shape, block.attention_norm(x), rope)
            k, v = k.transpose(1, 2), v.transpose(1, 2)
            layers.append(torch.stack([k[0], v[0]]))
            x = block.wo(attend_many(q, k, v, None, causal=True), x)
            x = block.w2(block.gate(block.ffn_norm(x)), x)
        return torch.stack(layers, 1)

    def copy_prefix(self, row: int, prefix: Tensor) -> None:
        """Copy a voice's keys and values to the start of a row."""
        length = prefix.shape[3]
        self._keys[:, row, :, :length] = prefix[0]
        self._values[:, row, :, :length] = prefix[1]

    def prefill_suffix(self, rows: Tensor, tokens: Tensor, start: Tensor, last: Tensor, used: int) -> Tensor:
        """Right-padded tokens [n, 1 + codebooks, t] from `start` [n] on -> hidden [n, dim] at `last` [n].

        Padding is written behind each row's end and overwritten before any position attends to it.
        """
        model = self._model
        end = len(self._positions) - 1
        positions = (start[:, None] + torch.arange(tokens.shape[2], device=model.device)).clamp(max=end)
        mask = self._positions[None, None, None, :used] <= positions[:, None, :, None]
        rope = model.slow_rope[positions][:, :, None]
        x = embed(model, tokens, self._offsets)
        row_index = rows[:, None]
        for i, block in enumerate(model.slow):
            q, k, v = project_qkv(block, model.slow_shape, block.attention_norm(x), rope)
            self._keys[i][row_index, :, positions] = k
            self._values[i][row_index, :, positions] = v
            keys, values = self._keys[i][rows, :, :used], self._values[i][rows, :, :used]
            x = block.wo(attend_many(q, keys, values, mask), x)
            x = block.w2(block.gate(block.ffn_norm(x)), x)
        return x[torch.arange(len(rows), device=model.device), last]

    def step(self, frame: Tensor, position: Tensor, used: int) -> Tensor:
        """One new frame [n, 1 + codebooks] for the first n rows, at `position` [n] -> hidden [n, dim].

        Reads the first `used` positions of the cache; no row may be longer.
        """
        model, n = self._model, frame.shape[0]
        rows = self._all_rows[:n]
        mask = torch.zeros(n, used, dtype=model.dtype, device=model.device)
        mask = mask.masked_fill(self._positions[:used] > position[:, None], -torch.inf)[:, None, None]
        rope = model.slow_rope[position][:, None, None]
        heads = rows[:, None] * self._num_heads + self._heads
        slots = (heads * len(self._positions) + position[:, None]).flatten()
        x = embed(model, frame[:, :, None], self._offsets)
        for i, block in enumerate(model.slow):
            q, k, v = project_qkv(block, model.slow_shape, block.attention_norm(x), rope)
            keys, values = self._keys[i], self._values[i]
            keys.flatten(0, 2).index_copy_(0, slots, k.flatten(0, 2))
            values.flatten(0, 2).index_copy_(0, slots, v.flatten(0, 2))
            x = block.wo(attend_one(q, keys[:n, :, :used], values[:n, :, :used], mask), x)
            x = block.w2(block.gate(block.ffn_norm(x)), x)
        return x[:, 0]


def embed(model: Model, tokens: Tensor, offsets: Tensor) -> Tensor:
    """[n, 1 + codebooks, t] tokens -> [n, t, dim]. Semantic tokens also carry the sum of their codes."""
    ids, codes = tokens[:, 0], tokens[:, 1:]
    is_semantic = ((ids >= model.semantic_begin) & (ids <= model.semantic_end))[..., None]
    code_sum = F.embedding(codes + offsets, model.codebook_embeddings).sum(1)
    x = F.embedding(ids, model.embeddings)
    both = x + code_sum
    if model.scale_codebooks:
        both = both / math.sqrt(model.num_codebooks + 1)
    return torch.where(is_semantic, both, x)


def project_qkv(block: Block, shape: Shape, x: Tensor, rope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Normed input [n, t, dim] -> queries [n, t, heads, d], keys and values [n, t, KV heads, d]."""
    return split_qkv(block, shape, block.wqkv(x), rope)


def split_qkv(block: Block, shape: Shape, qkv: Tensor, rope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same from the product with wqkv, [n, t, (heads + 2 KV heads) * d]."""
    n, t, _ = qkv.shape
    heads, kv, d = shape.num_heads, shape.num_kv, shape.head_dim
    qk, v = qkv.view(n, t, heads + 2 * kv, d).split([heads + kv, kv], 2)
    if block.qk_norm is not None:
        qk = block.qk_norm(qk)
    q, k = apply_rope(qk, rope).split([heads, kv], 2)
    return q, k, v


def apply_rope(x: Tensor, rope: Tensor) -> Tensor:
    """Rotate pairs of `x` [n, t, heads, head_dim] by `rope` [n or 1, t, 1, head_dim / 2], in float32."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rope).flatten(3).type_as(x)


def attend_one(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """One new token per row -> [n, 1, heads * d].

    Query heads that share a KV head are laid out as query positions, so that no key is repeated.
    """
    n, _, heads, d = q.shape
    kv = keys.shape[1]
    q = q.reshape(n, kv, heads // kv, d)
    if q.device.type == "cpu" and q.dtype != torch.float32:
        return _attend_by_matmul(q, keys, values, mask).reshape(n, 1, heads * d)
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask).reshape(n, 1, heads * d)


def _attend_by_matmul(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Faster than the fused kernel on a CPU for a query or two, if keys and values are contiguous."""
    scores = (q * q.shape[-1] ** -0.5) @ keys.transpose(2, 3)
    return (scores if mask is None else scores.add_(mask)).softmax(-1) @ values


def attend_many(
    q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, *, causal: bool = False
) -> Tensor:
    """Several new tokens per row, q [n, t, heads, d] -> [n, t, heads * d]."""
    n, t, heads, d = q.shape
    kv = keys.shape[1]
    out = F.scaled_dot_product_attention(
        q.transpose(1, 2), keys, values, attn_mask=mask, is_causal=causal, enable_gqa=heads != kv
    )
    return out.transpose(1, 2).reshape(n, t, heads * d)
