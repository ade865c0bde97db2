"""What the dispatcher is told: past facts, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fishd.core.model.job import Clip, Fault, Job, SegmentFailure
from fishd.core.model.revised_job import RevisedJob
from fishd.core.quality.features import SignalFeatures


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """A device for workers: `device` is "gpu:0" or "cpu", of a cluster's node "node/gpu:0" or "node/cpu".

    `wanted` is the number of workers planned for it, `budget_gb` the memory that one worker may hold, in GiB:
    0 is no limit.
    """

    device: str
    label: str
    name: str
    wanted: int
    budget_gb: float = 0.0

    @property
    def is_cpu(self) -> bool:
        return self.device.rpartition("/")[2] == "cpu"


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """What the configuration asks of the pool. Workers of another `generation` are replaced one by one.

    `engine_key` identifies the engine and its options: clips of equal keys sound the same.
    """

    generation: int
    devices: tuple[DevicePlan, ...]
    max_takes: int = 3
    take_timeout_s: float = 600.0
    start_timeout_s: float = 600.0
    drain_s: float = 60.0
    engine_key: str = ""


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The configuration or the host's devices have changed."""

    plan: PoolPlan


@dataclass(frozen=True, slots=True)
class JobArrived:
    """A bundle was claimed and read, or a job was found in work/ at start.

    `references` are (place, absolute path) of clips that a worker must decode before the first take; equal
    paths are equal bytes. `clips` are the takes that were spoken already, in order, and `failures` what was
    journalled of failed takes, both by (speaker, segment) position. `cancelled`: the job was cancelled before
    a crash, and a CancelRequested follows. `is_fresh`: no clip comes from an earlier daemon. `revision`: the
    job was published before, and only some of its lines are spoken.
    """

    name: str
    job: Job | None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    clips: Mapping[tuple[int, int], tuple[Clip, ...]] = field(
        default_factory=dict[tuple[int, int], tuple[Clip, ...]]
    )
    failures: Mapping[tuple[int, int], SegmentFailure] = field(
        default_factory=dict[tuple[int, int], SegmentFailure]
    )
    cancelled: bool = False
    is_fresh: bool = True
    revision: RevisedJob | None = None


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker has loaded its engine and has room for `slots` takes."""

    worker: int
    slots: int
    engine: str
    remark: str = ""
    memory_gb: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerProgressed:
    """A worker's engine has stepped. `peak_gb` is the most memory it held since it started."""

    worker: int
    memory_gb: float | None = None
    peak_gb: float | None = None
    slots: int = 0  # its capacity now; 0: unchanged


@dataclass(frozen=True, slots=True)
class CheckCompleted:
    """A worker has checked a reference clip or options: faults and warnings in words, a clip's features."""

    worker: int
    check: str
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    features: SignalFeatures | None = None


@dataclass(frozen=True, slots=True)
class TakeSynthesized:
    """The engine has finished a take: its slot is free, while the clip is still being written."""

    worker: int
    take: str


@dataclass(frozen=True, slots=True)
class TakeCompleted:
    """A take's clip is on disk, fsynced, checked and journalled."""

    worker: int
    take: str
    clip: Clip


@dataclass(frozen=True, slots=True)
class TakeHeard:
    """A take was heard, or could not be (`clip.quality.hearing` says which), and that is journalled."""

    job: str
    speaker_index: int
    segment_index: int
    clip: Clip


@dataclass(frozen=True, slots=True)
class TakeFailed:
    """A take gave no clip; `retry` says whether another seed may do better."""

    worker: int
    take: str
    reason: str
    retry: bool


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """A worker has exited. `kind` is "ended", "load", "engine", "out of memory", "wire" or "node lost".

    `needs_gb`, when it ran out of memory: the most that it held plus the allocation that failed, in GiB.
    """

    worker: int
    kind: str
    reason: str
    needs_gb: float | None = None


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A user cancelled this job."""

    job: str


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The daemon is to stop; a second one: at once."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline may have passed."""


Event = (
    PlanChanged
    | JobArrived
    | WorkerReady
    | WorkerProgressed
    | CheckCompleted
    | TakeSynthesized
    | TakeCompleted
    | TakeHeard
    | TakeFailed
    | WorkerGone
    | CancelRequested
    | StopRequested
    | Tick
)
