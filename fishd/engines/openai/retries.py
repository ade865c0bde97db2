"""Repeats a request that failed for a transient reason: with growing, jittered pauses, for a bounded time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from fishd.engines.openai.faults import ServerBusy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pauses between attempts. `draw` gives a number in 0..1, so that slots do not return together."""

    first_s: float = 0.5
    most_s: float = 15.0
    draw: Callable[[], float] = random.random

    def pause_s(self, attempt: int, retry_after_s: float | None) -> float:
        """The pause after the `attempt`-th failure, from 0: never less than the server asks for."""
        if retry_after_s is not None:
            return retry_after_s + self.first_s * self.draw()
        return min(self.most_s, self.first_s * 2.0**attempt) * (0.5 + 0.5 * self.draw())


async def with_retries(attempt: Callable[[], Awaitable[T]], retry_s: float, backoff: Backoff) -> T:
    """What `attempt` returns. Raises ServerBusy if the next one would begin later than `retry_s` from now."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + retry_s
    for number in count():
        try:
            return await attempt()
        except ServerBusy as fault:
            pause_s = backoff.pause_s(number, fault.retry_after_s)
            if clock() + pause_s > deadline:
                raise ServerBusy(f"{fault}; {_why_no_more(number + 1, retry_s, fault)}") from fault
            await asyncio.sleep(pause_s)
    raise AssertionError("unreachable")


def _why_no_more(attempts: int, retry_s: float, fault: ServerBusy) -> str:
    if fault.retry_after_s is not None and fault.retry_after_s > retry_s:
        return f"it asks to wait {fault.retry_after_s:.0f} s, more than engine.options.retry_s = {retry_s:g}"
    return f"gave up after {attempts} attempt(s), engine.options.retry_s = {retry_s:g}"
