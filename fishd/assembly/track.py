"""One track: lines go in by their start, and out as soon as nothing can be added to them any more.

No more is held than the longest line, however many speak at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fishd.assembly.encode.sinks import Sink
from fishd.assembly.levels import to_16_bit
from fishd.assembly.signal.limiter import Limiter

_AT_ONCE = 1 << 18  # samples of a pause, and of what the sinks are given: every call costs them a wait


class Track:
    """Adds lines up, limits what is too loud together, and writes the same samples to all of its sinks."""

    def __init__(self, sinks: Sequence[Sink], sample_rate: int, ceiling: float) -> None:
        self._sinks = sinks
        self._limiter = Limiter(sample_rate, ceiling)
        self._at = 0  # how many samples have been given to the limiter
        self._sum = np.zeros(0, np.float32)  # the samples from there on, as far as any line goes
        self._limited: list[NDArray[np.int16]] = []  # that the sinks are still to be given

    def add(self, start: int, samples: NDArray[np.int16] | NDArray[np.float32]) -> None:
        """No later line may begin before `start`."""
        self._advance(start)
        if len(self._sum) < len(samples):
            self._sum = np.pad(self._sum, (0, len(samples) - len(self._sum)))
        self._sum[: len(samples)] += samples

    def finish(self, length: int) -> None:
        """Silence up to the programme's length."""
        self._advance(length)
        self._limited.append(to_16_bit(self._limiter.finish()))
        self._flush()
        for sink in self._sinks:
            sink.finish()

    def _advance(self, until: int) -> None:
        while self._at < until:
            count = min(until - self._at, len(self._sum) or _AT_ONCE)
            out = self._sum[:count] if len(self._sum) else np.zeros(count, np.float32)
            self._limited.append(to_16_bit(self._limiter.push(out)))
            self._sum = self._sum[count:]
            self._at += count
            if sum(map(len, self._limited)) >= _AT_ONCE:
                self._flush()

    def _flush(self) -> None:
        samples = np.concatenate(self._limited)
        self._limited.clear()
        for sink in self._sinks:
            sink.write(samples)
