"""The decoder: up to `slots` takes side by side, every frame one step for all of them.

    begin(rows, prompts)     read the prompts of new rows
    draw(n)                  draw a frame for the first n rows
    look(n)                  which of them have ended, or broken: the only place that waits for the device
    advance(n)               read the drawn frames, ready for the next draw

Rows stand at the front, without holes: `move` fills one. The host counts positions itself. Not in here:
takes, voices, audio.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fishd.engines.fish.decode.kv import Arena, Plan
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.fast import FastTransformer
from fishd.engines.fish.model.rows import Rows, allocate_rows
from fishd.engines.fish.model.slow import SlowTransformer
from fishd.engines.fish.options import Sampling

BUCKET = 32  # lengths are padded to this multiple: each new shape costs a library's plan, kept for good
GOING = -1  # in Look: not ended, not broken


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a row begins with: a voice's prompt as keys and values, and the line's own tokens."""

    prefix: Tensor  # [2, layer, kv head, positions, head_dim]
    suffix: Tensor  # [1 + codebooks, tokens]
    seed: int
    sampling: Sampling

    @property
    def length(self) -> int:
        return self.prefix.shape[3] + self.suffix.shape[1]


@dataclass(frozen=True, slots=True)
class Look:
    """A row as the device sees it: the step of its end token and of its first broken logits, or GOING."""

    ended: int
    broken: int


class Decoder:
    """One model's rows. `slots` and `length` say how its arena is looked at just now."""

    def __init__(self, model: Model, plan: Plan, *, upstream_quirks: bool = False) -> None:
        self.model = model
        self.notes: list[str] = []  # what the log should say of how it decodes
        self._plan, self._quirks = plan, upstream_quirks
        shape = model.slow_shape
        per_token = (len(model.slow), shape.num_kv, shape.head_dim)
        self._arena = Arena(plan.tokens, per_token, model.dtype, model.device)
        self.reshape(plan.slots, plan.length)

    def reshape(self, slots: int, length: int) -> None:
        """Look at the arena as other rows. Only while no row is in use."""
        self.slots, self.length = slots, length
        keys, values = self._arena.shaped(slots, length)
        self._keys, self._values = keys, values
        model = self.model
        self.rows: Rows = allocate_rows(
            slots, length, model.dim, model.num_codebooks, model.dtype, model.device
        )
        self._slow = SlowTransformer(model, keys, values)
        self._fast = FastTransformer(model, self.rows, upstream_quirks=self._quirks)
        self._positions = [0] * slots  # the host's copy of rows.position

    def prepare(self) -> None:
        """Whatever makes the first frame as fast as the next. Only while no row is in use."""

    @torch.inference_mode()
    def prefill_prefix(self, tokens: Tensor) -> Tensor:
        """A voice's prompt as keys and values, to be given to any number of rows."""
        length = min(bucketed(tokens.shape[1]), self.model.max_seq_len)
        padded = torch.zeros(tokens.shape[0], length, dtype=torch.long)
        padded[:, : tokens.shape[1]] = tokens
        read = self._slow.prefill_prefix(padded.to(self.model.device))
        return read[:, :, :, : tokens.shape[1]].contiguous()

    @torch.inference_mode()
    def begin(self, rows: Sequence[int], prompts: Sequence[Prompt]) -> None:
        """Read the prompts of rows that are new."""
        device = self.model.device
        for row, prompt in zip(rows, prompts, strict=True):
            self._slow.copy_prefix(row, prompt.prefix)
            self._positions[row] = prompt.length
        lengths = [prompt.suffix.shape[1] for prompt in prompts]
        longest = bucketed(max(lengths))
        tokens = torch.zeros(len(rows), 1 + self.model.num_codebooks, longest, dtype=torch.long)
        for i, prompt in enumerate(prompts):
            tokens[i, :, : lengths[i]] = prompt.suffix
        start = torch.tensor([prompt.prefix.shape[3] for prompt in prompts], device=device)
        last = torch.tensor(lengths, device=device) - 1
        at = torch.tensor(rows, device=device)
        used = self._used(max(self._positions[row] for row in rows))
        hidden = self._slow.prefill_suffix(at, tokens.to(device), start, last, used)
        seeds = torch.tensor([prompt.seed for prompt in prompts], device=device)
        self.rows.start(at, start + last + 1, seeds, self._how(prompts), hidden)

    def _how(self, prompts: Sequence[Prompt]) -> Tensor:
        """Each prompt's temperature, top_p and penalty, [n, 3]; the package rounds them to bfloat16."""
        how = [
            (max(p.sampling.temperature, 1e-5), p.sampling.top_p, p.sampling.repetition_penalty)
            for p in prompts
        ]
        exact = torch.tensor(how, device=self.model.device)
        return exact.bfloat16().float() if self._quirks else exact

    @torch.inference_mode()
    def draw(self, n: int) -> None:
        """Draw a frame for the first n rows."""
        self._fast.sample_frame(n)

    @torch.inference_mode()
    def advance(self, n: int) -> None:
        """Read the frames of the first n rows; what `draw` needs next."""
        r = self.rows
        used = self._used(max(self._positions[:n]) + 1)
        r.hidden[:n] = self._slow.step(r.frame[:n], r.position[:n], used)
        r.position[:n] += 1
        for row in range(n):
            self._positions[row] += 1

    @torch.inference_mode()
    def look(self, n: int) -> list[Look]:
        """The first n rows, as they stand. Waits for the device."""
        both = torch.stack([self.rows.ended[:n], self.rows.nonfinite[:n]], 1).tolist()
        return [Look(*pair) for pair in both]

    def glance(self, n: int) -> list[Look]:
        """The first n rows, as they stood lately, if that can be had without waiting."""
        return self.look(n)

    @torch.inference_mode()
    def codes(self, row: int, frames: int) -> Tensor:
        """The first frames of a row, [codebooks, frames], int64."""
        return self.rows.codes[row, :frames].T.long()

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Put one row in another's place."""
        length = self._positions[source]
        self._keys[:, target, :, :length] = self._keys[:, source, :, :length]
        self._values[:, target, :, :length] = self._values[:, source, :, :length]
        self.rows.copy(source, target)
        self._positions[target] = length

    @torch.inference_mode()
    def scrub(self, row: int) -> None:
        """Leave nothing in a row that is no number: even what is masked would spoil the row's next take."""
        self._keys[:, row] = 0
        self._values[:, row] = 0
        self.rows.hidden[row] = 0

    def _used(self, longest: int) -> int:
        """How far into the rows to look."""
        return min(bucketed(longest), self.length)


def bucketed(length: int) -> int:
    """The padded length."""
    return -(-length // BUCKET) * BUCKET
