"""All that crosses the pipe between the daemon and one worker process, and nothing else.

Audio never crosses it: the worker writes a clip and says where. Exceptions cross as text. A `tag` keeps the
wire name of a message whose class has been renamed.
"""

from __future__ import annotations

import msgspec

from fishd.core.model.limits import Limits
from fishd.core.quality.features import SignalFeatures

_LIMITS = Limits()  # for a sender that does not know the limits: an older daemon


class Message(msgspec.Struct, frozen=True, tag=True):
    """The base of every message."""


# ---- from the daemon to a worker -------------------------------------------------------------------


class Load(Message, frozen=True):
    """Which engine to load, on which device ("cpu", "cuda:0"), with which options; sent once.

    Before it a worker answers only Inspect and CheckOptions, which need no loaded engine.
    """

    worker: int
    engine: str  # "module:factory"
    device: str
    options: dict[str, object]


class Inspect(Message, frozen=True):
    """Decode this untrusted reference clip, and report its faults and its length.

    It may last from `min_reference_s` to `max_reference_s`; above `long_reference_s` there is a warning.
    """

    id: str
    path: str
    min_reference_s: float = _LIMITS.min_reference_s
    long_reference_s: float = _LIMITS.long_reference_s
    max_reference_s: float = _LIMITS.max_reference_s

    @classmethod
    def within(cls, limits: Limits, id_: str, path: str) -> Inspect:
        """With the lengths that the configuration allows."""
        return cls(id_, path, limits.min_reference_s, limits.long_reference_s, limits.max_reference_s)


class CheckOptions(Message, frozen=True):
    """Does the engine accept these [engine_options] and these languages?

    `engine` ("module:factory") is required before Load; after it the loaded engine answers.
    """

    id: str
    options: dict[str, object]
    languages: tuple[str, ...] = ()
    engine: str = ""


class Speak(Message, frozen=True):
    """Speak one take; put the clip at `clip` (an absolute path whose suffix gives the format).

    `measure`: the clip's features are wanted too.
    """

    take: str
    voice_key: str
    references: tuple[str, ...]
    transcript: str
    voice_language: str
    text: str
    language: str
    seed: int
    limit_s: float
    clip: str
    options: dict[str, object]
    measure: bool = False


class CancelTake(Message, frozen=True, tag="Forget"):
    """The take is no longer wanted (its job was cancelled); nothing is to be written for it."""

    take: str


class QueryMemory(Message, frozen=True, tag="Weigh"):
    """How much memory do you hold?"""


class Stop(Message, frozen=True):
    """Finish the takes in hand, then end."""


# ---- from a worker to the daemon -------------------------------------------------------------------


class Ready(Message, frozen=True):
    """The engine is loaded. `slots` is its capacity; `remark` must stand in every job's summary."""

    engine: str
    sample_rate: int
    slots: int
    load_s: float
    notes: tuple[str, ...] = ()
    remark: str = ""
    memory_gb: float | None = None


class Inspected(Message, frozen=True):
    """What a reference clip is: a fault in words, or its length, its features and perhaps warnings."""

    id: str
    duration_s: float
    fault: str = ""
    warnings: tuple[str, ...] = ()
    features: SignalFeatures | None = None


class OptionsChecked(Message, frozen=True):
    """All faults of the options, each naming its key; none if they are good."""

    id: str
    faults: tuple[str, ...] = ()


class MemoryReport(Message, frozen=True, tag="Weighed"):
    """The memory that the worker holds now, and the most that it has held."""

    memory_gb: float | None
    peak_gb: float


class Synthesized(Message, frozen=True, tag="Recorded"):
    """The engine has spoken the take: its slot is free, while the clip is being written."""

    take: str


class ClipWritten(Message, frozen=True, tag="Spoken"):
    """The clip of a take is on disk and fsynced. `work_s` is the time from start to clip.

    `content_hash` is of the file (core/hashes.py).
    """

    take: str
    duration_s: float
    size_bytes: int
    peak: float
    work_s: float
    content_hash: str
    features: SignalFeatures | None = None


class TakeError(Message, frozen=True, tag="Failed"):
    """The take gave no clip; `retry` says whether another seed may do better."""

    take: str
    reason: str
    retry: bool


class Progress(Message, frozen=True):
    """The worker is alive and its engine has stepped: sent about once a second while takes are in hand.

    `errno` says why clips wait to be written (0: none do): the worker keeps them, and tries again. `peak_gb`
    is the most memory that it held since its start; `slots` is its engine's capacity now.
    """

    steps: int
    memory_gb: float | None = None
    errno: int = 0
    peak_gb: float | None = None
    slots: int = 0


class WorkerFault(Message, frozen=True, tag="Fault"):
    """The worker cannot go on and ends: `kind` is "out of memory", "load" or "engine".

    `needs_gb`, for want of memory: the most that it held, and what it asked for in vain.
    """

    kind: str
    reason: str
    traceback: str = ""
    needs_gb: float | None = None


ToWorker = Load | Inspect | CheckOptions | Speak | CancelTake | QueryMemory | Stop
FromWorker = (
    Ready
    | Inspected
    | OptionsChecked
    | MemoryReport
    | Synthesized
    | ClipWritten
    | TakeError
    | Progress
    | WorkerFault
)
