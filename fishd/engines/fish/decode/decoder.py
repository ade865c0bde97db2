"""The decoder: up to `slots` takes side by side; each frame is one step for all of them.

    prefill(rows, prompts)   compute the prompts of new rows
    sample_frame(n)          sample a frame for the first n rows
    status(n)                which of them have ended: the only call that waits for the device
    advance(n)               run the sampled frames through the slow transformer, ready for the next sample

Rows in use are the first ones, without gaps: `move_row` closes one. The host keeps its own count of
positions. The decoder knows nothing of takes, voices or audio.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fishd.engines.fish.decode.kv_cache import KVArena
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.fast import FastTransformer
from fishd.engines.fish.model.rows import Rows, allocate_rows
from fishd.engines.fish.model.slow import SlowTransformer
from fishd.engines.fish.options import Sampling

PADDING_TOKENS = 32  # lengths are padded to this multiple: libraries cache a plan for every new shape
RUNNING = -1  # in RowStatus: has not happened


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a row starts from: its voice's prefix as keys and values, and the line's own tokens."""

    prefix: Tensor  # [2, layer, KV head, positions, head_dim]
    suffix: Tensor  # [1 + codebooks, tokens]
    seed: int
    sampling: Sampling

    @property
    def length(self) -> int:
        return self.prefix.shape[3] + self.suffix.shape[1]


@dataclass(frozen=True, slots=True)
class RowStatus:
    """The step of a row's end token and that of its first NaN or infinite logits, or RUNNING."""

    ended: int
    nonfinite: int


class Decoder:
    """One model's rows: `slots` of at most `length` tokens each. `notes` are lines for the log."""

    def __init__(self, model: Model, plan: SlotPlan, *, upstream_quirks: bool = False) -> None:
        self.model = model
        self.notes: list[str] = []
        self._quirks = upstream_quirks
        shape = model.slow_shape
        per_token = (len(model.slow), shape.num_kv, shape.head_dim)
        self._arena = KVArena(plan.tokens, per_token, model.dtype, model.device)
        self.reshape(plan.slots, plan.length)

    def reshape(self, slots: int, length: int) -> None:
        """Divide the arena into other rows. Only while no row is in use."""
        self.slots, self.length = slots, length
        keys, values = self._arena.view_rows(slots, length)
        self._keys, self._values = keys, values
        model = self.model
        self.rows: Rows = allocate_rows(
            slots, length, model.dim, model.num_codebooks, model.dtype, model.device
        )
        self._slow = SlowTransformer(model, keys, values)
        self._fast = FastTransformer(model, self.rows, upstream_quirks=self._quirks)
        self._positions = [0] * slots  # the host's copy of rows.position

    def warm_up(self) -> None:
        """Do what would make the first frame slower than the next. Only while no row is in use."""

    @torch.inference_mode()
    def prefill_prefix(self, tokens: Tensor) -> Tensor:
        """A voice's prompt as keys and values, for any number of rows."""
        length = min(padded(tokens.shape[1]), self.model.max_seq_len)
        padded_tokens = torch.zeros(tokens.shape[0], length, dtype=torch.long)
        padded_tokens[:, : tokens.shape[1]] = tokens
        prefix = self._slow.prefill_prefix(padded_tokens.to(self.model.device))
        return prefix[:, :, :, : tokens.shape[1]].contiguous()

    @torch.inference_mode()
    def prefill(self, rows: Sequence[int], prompts: Sequence[Prompt]) -> None:
        """Compute the prompts of new rows."""
        device = self.model.device
        for row, prompt in zip(rows, prompts, strict=True):
            self._slow.copy_prefix(row, prompt.prefix)
            self._positions[row] = prompt.length
        lengths = [prompt.suffix.shape[1] for prompt in prompts]
        tokens = torch.zeros(len(rows), 1 + self.model.num_codebooks, padded(max(lengths)), dtype=torch.long)
        for i, prompt in enumerate(prompts):
            tokens[i, :, : lengths[i]] = prompt.suffix
        start = torch.tensor([prompt.prefix.shape[3] for prompt in prompts], device=device)
        last = torch.tensor(lengths, device=device) - 1
        row_index = torch.tensor(rows, device=device)
        used = self._used(max(self._positions[row] for row in rows))
        hidden = self._slow.prefill_suffix(row_index, tokens.to(device), start, last, used)
        seeds = torch.tensor([prompt.seed for prompt in prompts], device=device)
        self.rows.start(row_index, start + last + 1, seeds, self._sampling(prompts), hidden)

    def _sampling(self, prompts: Sequence[Prompt]) -> Tensor:
        """Each prompt's temperature, top_p and penalty, [n, 3]; fish_speech rounds them to bfloat16."""
        options = [
            (max(p.sampling.temperature, 1e-5), p.sampling.top_p, p.sampling.repetition_penalty)
            for p in prompts
        ]
        exact = torch.tensor(options, device=self.model.device)
        return exact.bfloat16().float() if self._quirks else exact

    @torch.inference_mode()
    def sample_frame(self, n: int) -> None:
        """Sample a frame for the first n rows."""
        self._fast.sample_frame(n)

    @torch.inference_mode()
    def advance(self, n: int) -> None:
        """Run the sampled frames of the first n rows through the slow transformer."""
        r = self.rows
        used = self._used(max(self._positions[:n]) + 1)
        r.hidden[:n] = self._slow.step(r.frame[:n], r.position[:n], used)
        r.position[:n] += 1
        for row in range(n):
            self._positions[row] += 1

    @torch.inference_mode()
    def status(self, n: int) -> list[RowStatus]:
        """The current status of the first n rows. Waits for the device."""
        both = torch.stack([self.rows.ended[:n], self.rows.nonfinite[:n]], 1).tolist()
        return [RowStatus(*pair) for pair in both]

    def recent_status(self, n: int) -> list[RowStatus]:
        """The status of the first n rows, at most one frame old, without waiting where that is possible."""
        return self.status(n)

    @torch.inference_mode()
    def row_codes(self, row: int, frames: int) -> Tensor:
        """The first frames of a row, int64 [codebooks, frames]."""
        return self.rows.codes[row, :frames].T.long()

    @torch.inference_mode()
    def move_row(self, source: int, target: int) -> None:
        """Move one row to another's place."""
        length = self._positions[source]
        self._keys[:, target, :, :length] = self._keys[:, source, :, :length]
        self._values[:, target, :, :length] = self._values[:, source, :, :length]
        self.rows.copy(source, target)
        self._positions[target] = length

    @torch.inference_mode()
    def reset_row(self, row: int) -> None:
        """Clear NaN and infinite values from a row: even masked, they would spoil its next take."""
        self._keys[:, row] = 0
        self._values[:, row] = 0
        self.rows.hidden[row] = 0

    def _used(self, longest: int) -> int:
        """How many positions of the KV cache to read."""
        return min(padded(longest), self.length)


def padded(length: int) -> int:
    """A length rounded up to PADDING_TOKENS."""
    return -(-length // PADDING_TOKENS) * PADDING_TOKENS
