"""The shapes of result.json and status.json, from which both summaries and `fishd status` are rendered."""

from __future__ import annotations

import msgspec

from fishd.core.model.job import Fault, JobStatus


class SegmentResult(msgspec.Struct, frozen=True):
    """One segment: `status` is "done" or "failed"; `clip` is the file below the result's folder.

    `key` (what the clip was made from) and `digest` (of its bytes) let a later job reuse the clip.
    `can_retry` of a failed segment: false where another seed cannot help; null in results of older versions.
    """

    id: str
    text: str
    status: str
    clip: str | None = None
    duration_s: float | None = None
    takes: int = 0
    seed: int | None = None
    worker: int | None = None
    device: str | None = None
    error: str | None = None
    key: str | None = None
    digest: str | None = None
    can_retry: bool | None = None


class SpeakerResult(msgspec.Struct, frozen=True):
    """A speaker's segments, in the bundle's order."""

    name: str
    language: str
    segments: tuple[SegmentResult, ...]


class WorkerShare(msgspec.Struct, frozen=True):
    """What one worker did for this job: `busy_s` is the time in which it held any of its takes."""

    worker: int
    device: str
    takes: int
    busy_s: float


class Totals(msgspec.Struct, frozen=True):
    """Counts and seconds; `speech_rate` is audio_s / wall_s."""

    speakers: int
    segments: int
    done: int
    failed: int
    audio_s: float
    wall_s: float
    speech_rate: float


class Result(msgspec.Struct, frozen=True):
    """result.json, field by field. Times are RFC 3339, in UTC."""

    job: str
    title: str
    status: JobStatus
    engine: str
    device_names: tuple[str, ...]
    started: str
    finished: str
    totals: Totals
    errors: tuple[Fault, ...]
    speakers: tuple[SpeakerResult, ...]
    warnings: tuple[Fault, ...] = ()
    remarks: tuple[str, ...] = ()
    workers: tuple[WorkerShare, ...] = ()

    @property
    def num_not_retryable(self) -> int:
        """Failed segments that another seed cannot help; 0 in a result that does not record it."""
        return sum(s.can_retry is False for speaker in self.speakers for s in speaker.segments)


class RecentError(msgspec.Struct, frozen=True):
    """One of the last faults, with its moment (RFC 3339)."""

    at: str
    where: str
    what: str


class JobSnapshot(msgspec.Struct, frozen=True):
    """A job in work. `eta_s` is None until a rate is known; `rate` is seconds of speech a second."""

    name: str
    title: str
    state: str  # "reading" | "waiting" | "speaking" | "publishing"
    priority: int
    done: int
    failed: int
    total: int
    audio_s: float
    rate: float
    elapsed_s: float
    eta_s: float | None = None


class WorkerSnapshot(msgspec.Struct, frozen=True):
    """A worker process as the daemon sees it. `memory_gb` is GPU memory where there is a GPU, else RSS;
    `peak_gb` the most that it was.
    """

    worker: int
    device: str
    device_name: str
    state: str  # "starting" | "ready" | "draining"
    slots: int
    in_hand: int
    takes: int
    restarts: int
    memory_gb: float | None = None
    pid: int | None = None
    last_fault: str = ""
    peak_gb: float | None = None


class DeviceSnapshot(msgspec.Struct, frozen=True):
    """A device: the workers that it should have and those that load or serve, and how they fared.

    `broken`: too many died at once; none is started until the configuration is reloaded. `fewer` were taken
    away for want of memory.
    """

    device: str
    label: str
    wanted: int
    workers: int
    restarts: int
    broken: bool
    fewer: int
    last_fault: str = ""


class GpuSnapshot(msgspec.Struct, frozen=True):
    """A card: memory in GiB as NVML says it, and the workers that the plan gives it."""

    index: int
    name: str
    total_gb: float
    free_gb: float
    workers: int


class Status(msgspec.Struct, frozen=True):
    """status.json: the daemon's state, replaced whole at most once a second."""

    version: str
    pid: int
    at: str
    started: str
    state: str  # "starting" | "running" | "draining" | "stopped"
    engine: str
    spool: str
    jobs: tuple[JobSnapshot, ...] = ()
    waiting: int = 0  # bundles in the inbox that are not yet complete
    workers: tuple[WorkerSnapshot, ...] = ()
    gpus: tuple[GpuSnapshot, ...] = ()
    errors: tuple[RecentError, ...] = ()
    jobs_done: int = 0
    segments_done: int = 0
    audio_s: float = 0.0
    reloads: int = 0  # of the configuration, taken or not
    config_faults: tuple[str, ...] = ()  # why the last one was not taken
    posts: tuple[DeviceSnapshot, ...] = ()
    config_read_at: str = ""  # when that reload began to read it; empty before the first
