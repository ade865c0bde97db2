"""How many takes fit the budget: the arithmetic, and the one allocation that follows from it.

A slot is room for one take's keys and values: its voice's prompt, its text, and its frames. What the budget
leaves after weights, codec and workspace is one arena of tokens. It is seen as many slots of the usual
length, or, while a take needs longer ones, as fewer. No torch is imported here until memory is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fishd.engines.protocol import OutOfMemory

if TYPE_CHECKING:
    import torch
    from torch import Tensor

GB = 2**30
SLOT_TOKENS = 1024  # a reference of 12 s, its transcript, a long line, and 30 s of speech
SHORTEST_SLOT = 256
MOST_SLOTS = {"cuda": 64, "cpu": 32}
VOICE_SHARE = 0.1  # of the room for tokens, kept for voices' prompts read ahead
WORKSPACE_SHARE = 0.1  # of the budget, for activations and the allocator's slack
LEAST_WORKSPACE_GB = 0.25


@dataclass(frozen=True, slots=True)
class Costs:
    """What one loaded checkpoint takes, in bytes; a token's keys and values are counted over all layers."""

    weights: int
    codec: int
    codec_work: int
    token: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`slots` takes of `length` tokens each; `voice_tokens` of read prompts may be kept beside them."""

    slots: int
    length: int
    voice_tokens: int
    said: str

    @property
    def tokens(self) -> int:
        return self.slots * self.length

    def longest(self, max_tokens: int) -> int:
        """The longest take that the arena can hold, alone."""
        return min(self.tokens, max_tokens)

    def halved(self) -> Plan:
        """Half the slots, of the same length. Raises OutOfMemory at one slot."""
        if self.slots == 1:
            raise OutOfMemory("the fish engine does not fit with a single slot; raise pool.model_memory_gb")
        slots = self.slots // 2
        said = f"{slots} slots of {self.length} tokens, halved after the device ran out of memory"
        return Plan(slots, self.length, self.voice_tokens // 2, said)


def plan(budget_gb: float, costs: Costs, device_type: str, slots: int = 0, slot_tokens: int = 0) -> Plan:
    """What fits. `slots` caps the number, `slot_tokens` sets the usual length; 0 leaves either to the device.

    Raises OutOfMemory with the arithmetic when not even one short take fits.
    """
    fixed = (costs.weights + costs.codec + costs.codec_work) / GB
    workspace = max(LEAST_WORKSPACE_GB, budget_gb * WORKSPACE_SHARE)
    left = budget_gb - fixed - workspace
    room = max(0, int(left * GB / costs.token * (1 - VOICE_SHARE)))
    said = (
        f"{budget_gb:.2f} GB - weights {costs.weights / GB:.2f} - codec {costs.codec / GB:.2f} + "
        f"{costs.codec_work / GB:.2f} at work - workspace {workspace:.2f} = {left:.2f} GB; "
        f"{costs.token:,} bytes a token, {VOICE_SHARE:.0%} for voices: {room:,} tokens"
    )
    shortest = min(SHORTEST_SLOT, costs.max_tokens)
    if room < shortest:
        need = fixed + workspace + shortest * costs.token / GB / (1 - VOICE_SHARE)
        need = max(need, fixed / (1 - WORKSPACE_SHARE))
        raise OutOfMemory(
            f"not even one take fits pool.model_memory_gb = {budget_gb:g} ({said}); "
            f"set it to {math.ceil(need * 10) / 10:g} or more"
        )
    usual = min(slot_tokens or SLOT_TOKENS, costs.max_tokens, room)
    count = min(slots or MOST_SLOTS.get(device_type, 1), room // usual)
    length = usual if slot_tokens else min(costs.max_tokens, room // count)
    voices = int(room * VOICE_SHARE / (1 - VOICE_SHARE))
    return Plan(count, length, voices, f"{said}: {count} slots of {length} tokens")


class Arena:
    """The keys' and values' memory, taken once; `shaped` looks at it as rows of another length."""

    def __init__(
        self, tokens: int, per_token: tuple[int, int, int], dtype: torch.dtype, device: torch.device
    ) -> None:
        """`per_token` is (layers, kv heads, head_dim)."""
        import torch

        self._per_token = per_token
        layers, num_kv, head_dim = per_token
        self.tokens = tokens
        self._memory = torch.zeros(2, layers * tokens * num_kv * head_dim, dtype=dtype, device=device)

    def shaped(self, rows: int, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values as [layer, row, kv head, length, head_dim]; what they held is not kept."""
        layers, num_kv, head_dim = self._per_token
        size = layers * rows * num_kv * length * head_dim
        shape = (layers, rows, num_kv, length, head_dim)
        return self._memory[0, :size].view(shape), self._memory[1, :size].view(shape)
