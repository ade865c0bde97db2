"""CUDA graphs by key: work of fixed shape is captured once and replayed, or simply run where capture fails.

The first time a key is used its work runs plainly, which compiles kernels and warms up libraries. The second
time it is captured (nothing runs) and replayed, from then on replayed. The work must read and write the same
buffers every time.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch

Work = Callable[[], None]
Capture = Callable[[Work], Work]  # captures work and returns its replay; raises RuntimeError


class CudaCapture:
    """Captures on a device. All graphs share one memory pool: only one of them runs at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            work()
        return graph.replay


class GraphCache:
    """Captured graphs. Without `capture`, or after it has failed once, work runs plainly; `notes` says so."""

    def __init__(self, capture: Capture | None, notes: list[str]) -> None:
        self._capture, self._notes = capture, notes
        self._warm: set[Hashable] = set()
        self._graphs: dict[Hashable, Work] = {}

    def run(self, key: Hashable, work: Work) -> None:
        """Do the work of this key, by replay if it was captured."""
        replay = self._graphs.get(key)
        if replay is None:
            replay = self._captured(key, work) if key in self._warm else work
            self._warm.add(key)
        replay()

    def _captured(self, key: Hashable, work: Work) -> Work:
        if self._capture is None:
            return work
        try:
            self._graphs[key] = self._capture(work)
        except RuntimeError as error:  # also out of memory: the frame may still fit without a graph
            self._capture = None
            reason = str(error).splitlines()[0]
            self._notes.append(
                f"fish: CUDA graph capture of {key} failed ({reason}); frames run without graphs, slower"
            )
            return work
        return self._graphs[key]
