"""Encodes and writes in a thread, while the next lines are read and levelled.

Encoding and writing release the interpreter's lock, so that a second core can do the work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.encode.sinks import Sink

P = ParamSpec("P")
_MAX_PENDING = 1 << 22  # samples that may wait for the thread: 8 MB


class EncodingThread:
    """Does one call after the other. An error in one is raised by a later `submit` or `wait`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        # The mutable state: calls that have not ended, each with its samples, and their sum.
        self._calls: deque[tuple[Future[object], int]] = deque()
        self._num_pending = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def submit(self, num_samples: int, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """The samples in its arguments may not be changed any more. Waits while too many are pending."""
        while self._num_pending > _MAX_PENDING:
            self._wait_for_one()
        self._calls.append((self._thread.submit(call, *args, **kwargs), num_samples))
        self._num_pending += num_samples

    def wait(self) -> None:
        """Until every call has ended."""
        while self._calls:
            self._wait_for_one()

    def _wait_for_one(self) -> None:
        call, num_samples = self._calls.popleft()
        self._num_pending -= num_samples
        call.result()


class ThreadedSink:
    """A sink whose writes are done by the thread."""

    def __init__(self, sink: Sink, thread: EncodingThread) -> None:
        self._sink = sink
        self._thread = thread

    def write(self, samples: NDArray[np.int16]) -> None:
        self._thread.submit(len(samples), self._sink.write, samples)

    def finish(self) -> None:
        self._thread.wait()
        self._sink.finish()
