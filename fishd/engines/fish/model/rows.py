"""The decoder's per-row state: everything that a frame reads and writes, one row per take, allocated once.

It lives on the device and is changed in place, so that a frame can be captured as a CUDA graph. The decoder
owns it.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

WINDOW = 16  # frames that the repetition penalty covers


@dataclass(frozen=True, slots=True)
class Rows:
    """The state of n rows.

    `hidden` [n, dim] is the slow transformer's last output and `frame` [n, 1 + codebooks] was sampled from
    it. `position` [n] is the next free place in the KV cache, `step` [n] the number of frames sampled.
    `window` [n, 1 + codebooks, WINDOW] is a ring buffer of recent frames; `codes` [n, length, codebooks]
    holds all of them. `ended` [n] is the step that sampled the end token and `nonfinite` [n] the first step
    with NaN or infinite logits, each -1 until then. Sampling options are float32 [n, 1].
    """

    hidden: Tensor
    frame: Tensor
    position: Tensor
    step: Tensor
    seed: Tensor
    temperature: Tensor
    top_p: Tensor
    penalty: Tensor
    window: Tensor
    codes: Tensor
    ended: Tensor
    nonfinite: Tensor

    def start(self, rows: Tensor, positions: Tensor, seeds: Tensor, sampling: Tensor, hidden: Tensor) -> None:
        """Initialise rows after prefill. `positions` are the prompts' lengths.

        `sampling` [n, 3] is each row's temperature, top_p and repetition penalty.
        """
        self.hidden[rows] = hidden
        self.position[rows] = positions
        self.seed[rows] = seeds
        self.temperature[rows], self.top_p[rows] = sampling[:, :1], sampling[:, 1:2]
        self.penalty[rows] = sampling[:, 2:]
        self.step[rows] = 0
        self.window[rows] = 0
        self.ended[rows] = -1
        self.nonfinite[rows] = -1

    def record(
        self, rows: Tensor, frame: Tensor, top_logits: Tensor, im_end: int, *, ignore_first_end: bool = False
    ) -> None:
        """Record the sampled frame of the first n rows, `rows` being 0 .. n - 1, and count the step.

        `top_logits` [n] is the sum of the best logits of every code: not finite if any logit was not.
        """
        n, step = len(rows), self.step[: len(rows)]
        self.codes[rows, step.clamp(max=self.codes.shape[1] - 1)] = frame[:, 1:].to(self.codes.dtype)
        # As in fish_speech, the penalty window begins with the second frame.
        ring = (step - 1).clamp(min=0) % WINDOW
        previous = self.window[rows, :, ring]
        self.window[rows, :, ring] = torch.where(step[:, None] > 0, frame, previous)
        ends = frame[:, 0] == im_end
        if ignore_first_end:
            ends = ends & (step > 0)
        self.ended[:n] = torch.where(ends & (self.ended[:n] < 0), step, self.ended[:n])
        is_nonfinite = ~torch.isfinite(top_logits) & (self.nonfinite[:n] < 0)
        self.nonfinite[:n] = torch.where(is_nonfinite, step, self.nonfinite[:n])
        self.step[:n] += 1

    def copy(self, source: int, target: int) -> None:
        """Copy one row over another."""
        for field in fields(self):
            tensor: Tensor = getattr(self, field.name)
            tensor[target] = tensor[source]


def allocate_rows(  # noqa: PLR0917 - sizes, from the outer to the inner
    count: int, length: int, dim: int, num_codebooks: int, dtype: torch.dtype, device: torch.device
) -> Rows:
    """State for `count` rows of at most `length` frames."""

    def integers(*shape: int, fill: int = 0) -> Tensor:
        return torch.full((count, *shape), fill, dtype=torch.long, device=device)

    def option() -> Tensor:
        return torch.ones(count, 1, device=device)

    return Rows(
        hidden=torch.zeros(count, dim, dtype=dtype, device=device),
        frame=integers(1 + num_codebooks),
        position=integers(),
        step=integers(),
        seed=integers(),
        temperature=option(),
        top_p=option(),
        penalty=option(),
        window=integers(1 + num_codebooks, WINDOW),
        codes=torch.zeros(count, length, num_codebooks, dtype=torch.int16, device=device),
        ended=integers(fill=-1),
        nonfinite=integers(fill=-1),
    )
