"""Row status one frame late, without waiting for the frame that the device is working on.

After every frame the rows' status is copied to pinned memory behind it, and an event is recorded. Reading the
copy of the frame before lets the host queue one frame ahead, so that the device never idles.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from fishd.engines.fish.decode.decoder import RUNNING, RowStatus
from fishd.engines.fish.model.rows import Rows


class AsyncReadback:
    """The last two frames' status. A copy made before a row was replaced says nothing about the row."""

    def __init__(self, rows: Rows, device: torch.device) -> None:
        count = rows.frame.shape[0]
        self._rows = rows
        self._copies = [StatusCopy(count, device), StatusCopy(count, device)]
        self._frame = 0  # queued so far
        self._replaced_at = [0] * count  # the frame after which a row was last replaced

    def invalidate(self, rows: Iterable[int]) -> None:
        """These rows were replaced: they hold other takes from now on."""
        for row in rows:
            self._replaced_at[row] = self._frame

    def enqueue(self, n: int) -> None:
        """Copy the status of the first n rows, behind the frame that was just queued."""
        self._frame += 1
        self._copies[self._frame % 2].enqueue(self._frame, self._rows, n)

    def previous(self, n: int) -> list[RowStatus]:
        """The status of the first n rows as of the frame before the last, RUNNING where it is unknown."""
        copy = self._copies[(self._frame - 1) % 2]
        ended, nonfinite = copy.wait().tolist()
        known = [row < copy.n and copy.frame > self._replaced_at[row] for row in range(n)]
        running = RowStatus(RUNNING, RUNNING)
        return [RowStatus(ended[row], nonfinite[row]) if known[row] else running for row in range(n)]


class StatusCopy:
    """One frame's `ended` and `nonfinite`, [2, rows], on their way to the host."""

    def __init__(self, count: int, device: torch.device) -> None:
        is_cuda = device.type == "cuda"
        self._both = torch.full((2, count), RUNNING, dtype=torch.long, pin_memory=is_cuda)
        self._done = torch.cuda.Event() if is_cuda else None
        self.frame, self.n = 0, 0

    def enqueue(self, frame: int, rows: Rows, n: int) -> None:
        self.frame, self.n = frame, n
        self._both[0, :n].copy_(rows.ended[:n], non_blocking=True)
        self._both[1, :n].copy_(rows.nonfinite[:n], non_blocking=True)
        if self._done is not None:
            self._done.record()

    def wait(self) -> Tensor:
        """[2, rows], once the device has finished that frame."""
        if self._done is not None:
            self._done.synchronize()
        return self._both
