"""The contract between a worker and an engine.

`factory(device, options) -> Engine` loads the model. The worker calls `start` for each new take while the
engine has room, and `step` repeatedly while it holds any. Nothing here imports numpy at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Voice:
    """The voice to speak with.

    `key` is a hash of the clips' bytes, the transcript and the language: equal keys are equal voices, so an
    engine may use it as a cache key, in memory and on disk. `clips` are audio files that the worker has
    already decoded and accepted (readable, at least a second long, not silent).
    """

    key: str
    clips: tuple[Path, ...]
    transcript: str
    language: str


@dataclass(frozen=True, slots=True)
class Take:
    """One attempt at one segment.

    `seed` is any integer in 0 .. 2**63 - 1: the same take with the same seed gives the same audio.
    `limit_s` is the maximum length of the audio in seconds. `options` are the job's `[engine_options]`,
    already accepted by the engine's `check_options`.
    """

    id: str
    voice: Voice
    text: str
    language: str
    seed: int
    limit_s: float
    options: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Spoken:
    """A finished take: `audio` is float32 mono in -1..1 at the engine's sample rate."""

    take_id: str
    audio: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed take: `reason` is for the user; `retry` says whether another seed may succeed."""

    take_id: str
    reason: str
    retry: bool


class EngineError(Exception):
    """The engine cannot continue; the message names the thing, the fault and the fix."""


class OutOfMemory(EngineError):  # noqa: N818 - the contract's name
    """Not even one take fits the device's memory."""


class BadOption(EngineError):  # noqa: N818 - reads as what it is
    """An invalid option; the message names it, its value and the values that are allowed."""


class BadClip(EngineError):  # noqa: N818 - reads as what it is
    """A reference clip that this engine cannot use."""


class Engine(Protocol):
    """A loaded model with room for `capacity` takes.

    `start` is never called above `capacity`, which may shrink when memory is short. `step` does a bounded
    amount of work (well under a second on its intended device) and returns the takes that ended. An exception
    from `start` or `step` is a fault of the worker: it is reported with its traceback and the worker is
    replaced.

    Five optional members are looked up by the worker: `name: str` (for the log), `notes: tuple[str, ...]`
    (lines for the log at start, such as the capacity and why), `remark: str` (one sentence for every job's
    summary; "" for none), `peak_gb: float` (its peak memory, where torch's own count does not show it), and
    `drop(take_id) -> None` (the take was cancelled: its room is free at once and `step` never returns it;
    without `drop`, a cancelled job waits for its takes in flight).

    A factory's module may offer `check_options(options) -> list[str]` (all faults of a mapping of engine
    options, each naming its key) and `check_language(language) -> str | None` (a fault).
    """

    sample_rate: int
    capacity: int

    def start(self, take: Take) -> None: ...

    def step(self) -> list[Spoken | Failed]: ...

    def close(self) -> None: ...
