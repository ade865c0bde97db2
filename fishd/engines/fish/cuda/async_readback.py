"""What the device said a frame ago, without waiting for the frame that it is at.

After every frame the rows' ends are copied to pinned memory behind it, and an event is set. Reading the copy
of the frame before keeps the host one frame ahead of the device, and the device always busy.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from fishd.engines.fish.model.rows import Rows


class Copy:
    """One frame's `ended` and `broken` [2, rows], on their way to the host."""

    def __init__(self, count: int, device: torch.device) -> None:
        is_cuda = device.type == "cuda"
        self._both = torch.full((2, count), -1, dtype=torch.long, pin_memory=is_cuda)
        self._done = torch.cuda.Event() if is_cuda else None
        self.frame, self.n = 0, 0

    def take(self, frame: int, rows: Rows, n: int) -> None:
        self.frame, self.n = frame, n
        self._both[0, :n].copy_(rows.ended[:n], non_blocking=True)
        self._both[1, :n].copy_(rows.nonfinite[:n], non_blocking=True)
        if self._done is not None:
            self._done.record()

    def arrived(self) -> Tensor:
        """[2, rows], once the device has come to the end of that frame."""
        if self._done is not None:
            self._done.synchronize()
        return self._both


class Glances:
    """The last two frames' copies. A row that was begun or moved since a copy is not spoken of by it."""

    def __init__(self, rows: Rows, device: torch.device) -> None:
        count = rows.frame.shape[0]
        self._rows = rows
        self._copies = [Copy(count, device), Copy(count, device)]
        self._frame = 0  # drawn so far
        self._since = [0] * count  # frames drawn when a row was last begun or moved

    def changed(self, rows: Iterable[int]) -> None:
        """These rows are others from now on."""
        for row in rows:
            self._since[row] = self._frame

    def drawn(self, n: int) -> None:
        """A frame has been queued for the first n rows."""
        self._frame += 1
        self._copies[self._frame % 2].take(self._frame, self._rows, n)

    def previous(self, n: int) -> list[tuple[int, int]]:
        """(ended, broken) of the first n rows as of the frame before the last; -1, -1 where not known."""
        copy = self._copies[(self._frame - 1) % 2]
        ended, broken = copy.arrived().tolist()
        known = [row < copy.n and copy.frame > self._since[row] for row in range(n)]
        return [(ended[row], broken[row]) if known[row] else (-1, -1) for row in range(n)]
