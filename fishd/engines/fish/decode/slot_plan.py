"""How many takes fit the memory budget. Arithmetic only: no torch is imported.

A slot is room for one take's keys and values: its voice's prompt, its text and its frames. What the budget
leaves after weights, codec and workspace is one arena of tokens, divided into slots of the usual length, or
into fewer, longer ones while a take needs them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fishd.engines.protocol import OutOfMemory

GB = 2**30
DEFAULT_SLOT_TOKENS = 1024  # a reference of 12 s, its transcript, a long line and 30 s of speech
MIN_SLOT_TOKENS = 256
MAX_SLOTS = {"cuda": 64, "cpu": 32}
PREFIX_SHARE = 0.1  # of the room for tokens, for the voices' cached prefixes
WORKSPACE_SHARE = 0.1  # of the budget, for activations and the allocator's overhead
MIN_WORKSPACE_GB = 0.25


@dataclass(frozen=True, slots=True)
class ModelCosts:
    """What a loaded checkpoint takes, in bytes; `token` is one token's keys and values over all layers."""

    weights: int
    codec: int
    codec_work: int
    token: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """`slots` takes of `length` tokens each, and `prefix_tokens` of cached prefixes beside them."""

    slots: int
    length: int
    prefix_tokens: int
    summary: str

    @property
    def tokens(self) -> int:
        return self.slots * self.length

    def max_row_tokens(self, max_tokens: int) -> int:
        """The longest take that fits the arena alone."""
        return min(self.tokens, max_tokens)

    def halved(self) -> SlotPlan:
        """Half the slots, of the same length. Raises OutOfMemory at one slot."""
        if self.slots == 1:
            raise OutOfMemory("the fish engine does not fit with a single slot; raise pool.model_memory_gb")
        slots = self.slots // 2
        summary = f"{slots} slots of {self.length} tokens, halved after the device ran out of memory"
        return SlotPlan(slots, self.length, self.prefix_tokens // 2, summary)


def plan_slots(
    budget_gb: float, costs: ModelCosts, device_type: str, slots: int = 0, slot_tokens: int = 0
) -> SlotPlan:
    """The plan for a budget. `slots` caps the number, `slot_tokens` sets the usual length; 0 means automatic.

    Raises OutOfMemory with the arithmetic when not even one short take fits.
    """
    fixed = (costs.weights + costs.codec + costs.codec_work) / GB
    workspace = max(MIN_WORKSPACE_GB, budget_gb * WORKSPACE_SHARE)
    left = budget_gb - fixed - workspace
    room = max(0, int(left * GB / costs.token * (1 - PREFIX_SHARE)))
    summary = (
        f"{budget_gb:.2f} GB - weights {costs.weights / GB:.2f} - codec {costs.codec / GB:.2f} + "
        f"{costs.codec_work / GB:.2f} at work - workspace {workspace:.2f} = {left:.2f} GB; "
        f"{costs.token:,} bytes a token, {PREFIX_SHARE:.0%} for voices: {room:,} tokens"
    )
    shortest = min(MIN_SLOT_TOKENS, costs.max_tokens)
    if room < shortest:
        need = fixed + workspace + shortest * costs.token / GB / (1 - PREFIX_SHARE)
        need = max(need, fixed / (1 - WORKSPACE_SHARE))
        raise OutOfMemory(
            f"not even one take fits pool.model_memory_gb = {budget_gb:g} ({summary}); "
            f"set it to {math.ceil(need * 10) / 10:g} or more"
        )
    usual = min(slot_tokens or DEFAULT_SLOT_TOKENS, costs.max_tokens, room)
    count = min(slots or MAX_SLOTS.get(device_type, 1), room // usual)
    length = usual if slot_tokens else min(costs.max_tokens, room // count)
    prefix_tokens = int(room * PREFIX_SHARE / (1 - PREFIX_SHARE))
    return SlotPlan(count, length, prefix_tokens, f"{summary}: {count} slots of {length} tokens")
