"""The decoder's state, a row a take: everything that a frame reads and writes, allocated once.

All of it lives on the device and is changed in place, so that a frame can be captured as a CUDA graph. The
decoder owns it; the host knows each row's position without asking.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

WINDOW = 16  # frames that the repetition penalty looks back on


@dataclass(frozen=True, slots=True)
class Rows:
    """`hidden` [n, dim] is the slow transformer's last output; `frame` [n, 1 + codebooks] was drawn from it.

    `window` [n, 1 + codebooks, WINDOW] is a ring of recent frames, `codes` [n, length, codebooks] are all.
    `ended` [n] is the step at which the end token was drawn, -1 before; `broken` [n] the step at which
    logits were no numbers, -1 else.
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
    broken: Tensor

    def begin(self, rows: Tensor, positions: Tensor, seeds: Tensor, how: Tensor, hidden: Tensor) -> None:
        """Set up rows whose prompt has been read. `positions` are the prompts' lengths; `how` [n, 3] is each
        row's temperature, top_p and penalty.
        """
        self.hidden[rows] = hidden
        self.position[rows] = positions
        self.seed[rows] = seeds
        self.temperature[rows], self.top_p[rows], self.penalty[rows] = how[:, :1], how[:, 1:2], how[:, 2:]
        self.step[rows] = 0
        self.window[rows] = 0
        self.ended[rows] = -1
        self.broken[rows] = -1

    def move(self, source: int, target: int) -> None:
        """Copy one row over another."""
        for field in fields(self):
            tensor: Tensor = getattr(self, field.name)
            tensor[target] = tensor[source]


def allocate_rows(  # noqa: PLR0917 - sizes, from the outer to the inner
    count: int, length: int, dim: int, num_codebooks: int, dtype: torch.dtype, device: torch.device
) -> Rows:
    """State for `count` rows of at most `length` frames."""

    def whole(*shape: int, fill: int = 0) -> Tensor:
        return torch.full((count, *shape), fill, dtype=torch.long, device=device)

    def real() -> Tensor:
        return torch.ones(count, 1, device=device)

    return Rows(
        hidden=torch.zeros(count, dim, dtype=dtype, device=device),
        frame=whole(1 + num_codebooks),
        position=whole(),
        step=whole(),
        seed=whole(),
        temperature=real(),
        top_p=real(),
        penalty=real(),
        window=whole(1 + num_codebooks, WINDOW),
        codes=torch.zeros(count, length, num_codebooks, dtype=torch.int16, device=device),
        ended=whole(fill=-1),
        broken=whole(fill=-1),
    )
