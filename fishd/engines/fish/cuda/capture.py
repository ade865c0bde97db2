"""Work of fixed shape, recorded once and replayed: a CUDA graph a key, or plain calls where that fails.

The first time a key comes its work simply runs: that compiles kernels and warms up libraries, and the
frame counts. The second time it is recorded (nothing runs) and replayed; from then on replayed. The work
must read and write the same buffers every time.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch

Work = Callable[[], None]
Recorder = Callable[[Work], Work]  # takes work, returns its replay; raises RuntimeError


class CudaRecorder:
    """Records on a device. All graphs share one pool: they run one after another, and leave nothing in it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            work()
        return graph.replay


class Replays:
    """What has been recorded. Without a recorder, or after one has failed, work simply runs; see `notes`."""

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        self._met: set[Hashable] = set()
        self._replays: dict[Hashable, Work] = {}
        self.notes: list[str] = []

    def run(self, key: Hashable, work: Work) -> None:
        """Do the work of this key, from its record if there is one."""
        replay = self._replays.get(key)
        if replay is None:
            replay = self._record(key, work) if key in self._met else work
            self._met.add(key)
        replay()

    def _record(self, key: Hashable, work: Work) -> Work:
        if self._recorder is None:
            return work
        try:
            self._replays[key] = self._recorder(work)
        except RuntimeError as error:  # out of memory too: the frame may still fit without a record of it
            self._recorder = None
            reason = str(error).splitlines()[0]
            self.notes.append(f"fish: no CUDA graph of {key} ({reason}); frames go on without, more slowly")
            return work
        return self._replays[key]
