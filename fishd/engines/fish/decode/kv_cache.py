"""The KV cache's memory: one allocation, viewed as rows of whatever length is needed."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import torch
from torch import Tensor


class KVArena:
    """Room for the keys and values of `tokens` tokens, allocated once."""

    def __init__(
        self, tokens: int, per_token: tuple[int, int, int], dtype: torch.dtype, device: torch.device
    ) -> None:
        """`per_token` is (layers, KV heads, head_dim)."""
        self._per_token = per_token
        layers, num_kv, head_dim = per_token
        self._memory = torch.zeros(2, layers * tokens * num_kv * head_dim, dtype=dtype, device=device)

    def view_rows(self, rows: int, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values as [layer, row, KV head, length, head_dim]. What they held is lost."""
        layers, num_kv, head_dim = self._per_token
        size = layers * rows * num_kv * length * head_dim
        shape = (layers, rows, num_kv, length, head_dim)
        return self._memory[0, :size].view(shape), self._memory[1, :size].view(shape)
