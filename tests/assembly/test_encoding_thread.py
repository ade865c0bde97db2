"""Encoding in a thread: nothing is reordered, and an error of the disk is not lost."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from numpy.typing import NDArray

from fishd.assembly.encode.encoding_thread import EncodingThread, ThreadedSink


class FullDisk:
    """Takes `room` writes, then has no space left."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.written: list[int] = []
        self.is_finished = False

    def write(self, samples: NDArray[np.int16]) -> None:
        if len(self.written) == self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written.append(int(samples[0]))

    def finish(self) -> None:
        self.is_finished = True


def test_everything_is_written_in_order_before_the_file_is_finished() -> None:
    sink = FullDisk(room=100)
    _write(sink, 100)
    assert (list(range(100)), True) == (sink.written, sink.is_finished)


@pytest.mark.parametrize("room", [0, 50, 99])
def test_an_error_is_raised_at_the_latest_when_the_file_is_finished(room: int) -> None:
    sink = FullDisk(room)
    with pytest.raises(OSError, match="No space left"):
        _write(sink, 100)
    assert (list(range(room)), False) == (sink.written, sink.is_finished)


def _write(sink: FullDisk, count: int) -> None:
    with EncodingThread() as thread:
        threaded = ThreadedSink(sink, thread)
        for n in range(count):
            threaded.write(np.full(1 << 17, n, np.int16))
        threaded.finish()
