"""Other ways for one new token a row to attend; each computes what `slow.attend_one` does."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - as torch's own pages call it
from torch import Tensor


def attend_as_groups(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """One query a head; the fused kernel itself lets query heads share a key head. -> [n, 1, heads * d]."""
    n, _, heads, d = q.shape
    out = F.scaled_dot_product_attention(q.transpose(1, 2), keys, values, attn_mask=mask, enable_gqa=True)
    return out.reshape(n, 1, heads * d)


def attend_by_products(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Two batched products and a softmax in float32. -> [n, 1, heads * d]."""
    n, _, heads, d = q.shape
    kv = keys.shape[1]
    scores = (q.reshape(n, kv, heads // kv, d) * d**-0.5) @ keys.transpose(2, 3)
    scores = scores.float() if mask is None else scores.float() + mask
    return (scores.softmax(-1).to(values.dtype) @ values).reshape(n, 1, heads * d)
