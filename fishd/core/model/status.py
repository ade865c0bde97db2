"""The shape of status.json, from which `fishd status`, the live line and the metrics are rendered.

Its keys are documented in docs/status.md; a key that was published stays.
"""

from __future__ import annotations

import msgspec


class RecentError(msgspec.Struct, frozen=True):
    """A fault and when it occurred (RFC 3339)."""

    at: str
    where: str
    what: str


class JobSnapshot(msgspec.Struct, frozen=True):
    """A job in work. `eta_s` is None until a rate is known; `rate` is seconds of speech a second.

    `doubtful` of those done have faults in every take.
    """

    name: str
    title: str
    state: str  # "reading" | "waiting" | "speaking" | "assembling"
    priority: int
    done: int
    failed: int
    total: int
    audio_s: float
    rate: float
    elapsed_s: float
    eta_s: float | None = None
    doubtful: int = 0


class WorkerSnapshot(msgspec.Struct, frozen=True):
    """A worker process. `memory_gb` is its GPU memory, or its RSS on a CPU; `peak_gb` is the most so far."""

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
    """A device: how many workers it should have, and how many are loading or ready.

    `broken`: too many exited early in a row, so no worker is started until the configuration is reloaded.
    `fewer` is the number of workers taken away because memory ran out.
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
    """A GPU: its memory in GiB as NVML reports it, and the number of workers planned for it.

    `node` is the machine of the cluster that it is in; "" is the daemon's.
    """

    index: int
    name: str
    total_gb: float
    free_gb: float
    workers: int
    node: str = ""

    @property
    def device(self) -> str:
        return f"{self.node}/gpu:{self.index}" if self.node else f"gpu:{self.index}"

    @property
    def label(self) -> str:
        return f"{self.node} GPU {self.index}".lstrip()


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
    segments_doubtful: int = 0
    audio_s: float = 0.0
    reloads: int = 0  # of the configuration, accepted or not
    config_faults: tuple[str, ...] = ()  # why the last reload was refused
    posts: tuple[DeviceSnapshot, ...] = ()
    config_read_at: str = ""  # when the last reload began to read the file; "" before the first
