"""Encodes tracks in threads, while the next lines are read and levelled.

The libraries that encode release the interpreter's lock, so that other cores can do their work.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.encode.sinks import Sink

_MAX_PENDING = 1 << 22  # samples of all tracks that may wait for the thread: 8 MB


class EncodingThread:
    """One thread for the sinks of some tracks. An error in it is raised by a later call of any of them."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        # The mutable state: writes that have not ended, each with its samples, and their sum.
        self._writes: deque[tuple[Future[None], int]] = deque()
        self._num_pending = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def write(self, sink: Sink, samples: NDArray[np.int16]) -> None:
        """The samples may not be changed any more."""
        self._wait_for(_MAX_PENDING)
        self._writes.append((self._thread.submit(sink.write, samples), len(samples)))
        self._num_pending += len(samples)

    def finish(self, sink: Sink) -> None:
        self._wait_for(0)
        sink.finish()

    def _wait_for(self, most_pending: int) -> None:
        while self._num_pending > most_pending:
            write, num_samples = self._writes.popleft()
            self._num_pending -= num_samples
            write.result()


class ThreadedSink:
    """A sink whose writes are done by the thread."""

    def __init__(self, sink: Sink, thread: EncodingThread) -> None:
        self._sink = sink
        self._thread = thread

    def write(self, samples: NDArray[np.int16]) -> None:
        self._thread.write(self._sink, samples)

    def finish(self) -> None:
        self._thread.finish(self._sink)
