"""What has happened: everything that the dispatcher is ever told. Past facts, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fishd.core.model.job import Clip, Fault, Job


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """A place for workers: `device` is "gpu:0" or "cpu", `wanted` how many workers the plan gives it.

    `budget_gb` is the memory that one worker may hold; 0 is no limit.
    """

    device: str
    label: str
    name: str
    wanted: int
    budget_gb: float = 0.0


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """What the configuration asks of the pool. Workers of another `generation` are replaced one by one."""

    generation: int
    devices: tuple[DevicePlan, ...]
    max_takes: int = 3
    take_timeout_s: float = 600.0
    start_timeout_s: float = 600.0
    drain_s: float = 60.0


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The configuration, or what the host offers, is another now."""

    plan: PoolPlan


@dataclass(frozen=True, slots=True)
class JobArrived:
    """A bundle was claimed and read, or a job was found in work/ at start.

    `references` are (place, absolute path) of clips that a worker must decode before the first take; equal
    paths are equal bytes.
    `clips` are the segments that are done already, by (speaker, segment) position. `cancelled`: before a
    crash its user wanted no more of it; a CancelAsked follows. `is_fresh`: no clip is of an earlier daemon.
    """

    name: str
    job: Job | None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    clips: Mapping[tuple[int, int], Clip] = field(default_factory=dict[tuple[int, int], Clip])
    cancelled: bool = False
    is_fresh: bool = True


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
    slots: int = 0  # that it has now; 0: as many as before


@dataclass(frozen=True, slots=True)
class CheckCompleted:
    """A worker has looked at a reference clip or at options: faults and warnings in words."""

    worker: int
    check: str
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeSynthesized:
    """The engine is done with a take: its slot is free, though the clip is not on the disk yet."""

    worker: int
    take: str


@dataclass(frozen=True, slots=True)
class TakeCompleted:
    """A take's clip is on disk, fsynced and in the journal."""

    worker: int
    take: str
    duration_s: float
    work_s: float
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class TakeFailed:
    """A take gave no clip; `retry` says whether another seed may do better."""

    worker: int
    take: str
    reason: str
    retry: bool


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """A worker process has ended: `kind` is "ended", "load", "engine", "out of memory" or "wire".

    `needs_gb`, when it ran out of memory: the most that it held, and what it asked for in vain.
    """

    worker: int
    kind: str
    reason: str
    needs_gb: float | None = None


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A user wants no more of this job."""

    job: str


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The daemon is to stop; asked twice, at once."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    PlanChanged
    | JobArrived
    | WorkerReady
    | WorkerProgressed
    | CheckCompleted
    | TakeSynthesized
    | TakeCompleted
    | TakeFailed
    | WorkerGone
    | CancelRequested
    | StopRequested
    | Tick
)
