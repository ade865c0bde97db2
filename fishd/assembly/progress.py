"""How far the assembly is, told now and then."""

from __future__ import annotations

from collections.abc import Callable

from fishd.wire.assembly import AssemblyProgress

_INTERVAL_S = 0.5


class Progress:
    """Counts seconds of audio; `tell` is called at most twice a second, and at the end."""

    def __init__(
        self, total_s: float, tell: Callable[[AssemblyProgress], None], clock: Callable[[], float]
    ) -> None:
        self._total_s = total_s
        self._tell = tell
        self._clock = clock
        self._done_s = 0.0
        self._told_at = clock()

    def add(self, seconds: float) -> None:
        self._done_s += seconds
        if self._clock() - self._told_at >= _INTERVAL_S:
            self._told_at = self._clock()
            self._tell(AssemblyProgress(round(self._done_s, 3), round(self._total_s, 3)))
