"""A sink that encodes in a thread, while the next line is read and levelled.

The libraries that encode release the interpreter's lock: on two cores a track costs no time of its own.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.encode.sinks import Sink

_MAX_PENDING = 4  # writes that may wait for the thread


class ThreadedSink:
    """Writes to `sink` in the executor's one thread. An error is raised by a later call."""

    def __init__(self, sink: Sink, thread: Executor) -> None:
        self._sink = sink
        self._thread = thread
        self._pending: deque[Future[None]] = deque()

    def write(self, samples: NDArray[np.int16]) -> None:
        """The samples may not be changed any more."""
        self._wait(_MAX_PENDING - 1)
        self._pending.append(self._thread.submit(self._sink.write, samples))

    def finish(self) -> None:
        self._wait(0)
        self._sink.finish()

    def _wait(self, num_left: int) -> None:
        while len(self._pending) > num_left:
            self._pending.popleft().result()
