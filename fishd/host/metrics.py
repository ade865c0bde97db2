"""Prometheus metrics as a textfile for the node exporter's textfile collector: `[metrics] textfile`.

Counters start at zero with the daemon, as Prometheus expects. prometheus-client is an optional extra; it is
imported when the first file is written.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result, Status

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_log = logging.getLogger("fishd.metrics")
GIB = 1024**3
CAUSES = ("ended", "load", "engine", "out of memory", "wire")  # as WorkerGone says them
STATES = ("starting", "ready", "draining")


class Metrics:
    """What only passes by is counted here; the rest is in the status. A file that cannot be written never
    stops the daemon.
    """

    def __init__(self, path: Path | None = None) -> None:
        # The mutable state.
        self.path = path
        self._jobs: Counter[str] = Counter()
        self._segments: Counter[str] = Counter()
        self._takes = 0
        self._retakes = 0
        self._audio_s = 0.0
        self._gone: Counter[str] = Counter()
        self._last_success = 0.0
        self._last_fault = ""

    def published(self, result: Result) -> None:
        """A job is over."""
        self._jobs[result.status.value] += 1
        self._segments["done"] += result.totals.done
        self._segments["failed"] += result.totals.failed
        self._audio_s += result.totals.audio_s
        for speaker in result.speakers:
            for segment in speaker.segments:
                self._takes += segment.takes
                self._retakes += max(segment.takes - 1, 0)
        if result.status is JobStatus.DONE:
            self._last_success = _seconds(result.finished)

    def worker_gone(self, kind: str) -> None:
        """A worker died that should not have."""
        self._gone[kind] += 1

    def write(self, status: Status) -> None:
        """Blocking: replace the file whole, readable by all. A fault is said once."""
        if self.path is None:
            return
        try:
            _replace(self.path, _text(self._families(status)))
        except ImportError:
            self._say(f"metrics.textfile needs prometheus-client: pip install 'fishd[metrics]' ({self.path})")
        except OSError as error:
            self._say(f"metrics.textfile: {self.path}: cannot be written: {error.strerror}")
        else:
            self._last_fault = ""

    def _say(self, fault: str) -> None:
        if fault != self._last_fault:
            self._last_fault = fault
            _log.warning("[Main] %s", fault)

    def _families(self, status: Status) -> Iterator[Metric]:
        yield from self._counted()
        yield from _work(status)
        yield from _workers(status)
        yield from _gpus(status)
        yield _gauge("fishd_up", "1; at the end of a stop, 0.", float(status.state != "stopped"))
        started = _seconds(status.started)
        yield _gauge("fishd_start_time_seconds", "When the daemon started, in seconds since 1970.", started)
        taken = 0.0 if status.config_faults else 1.0
        yield _gauge("fishd_config_last_reload_successful", "Whether the last reload was taken.", taken)
        about = {"version": status.version, "engine": status.engine}
        yield _labelled(
            "fishd_info",
            "The daemon's version and engine.",
            ("version", "engine"),
            {tuple(about.values()): 1.0},
        )

    def _counted(self) -> Iterator[Metric]:
        jobs = {(name.value,): self._jobs[name.value] for name in JobStatus}
        yield _counter("fishd_jobs", "Jobs published, by their status.", jobs, "status")
        segments = {(name,): self._segments[name] for name in ("done", "failed")}
        yield _counter("fishd_segments", "Segments of published jobs.", segments, "status")
        yield _counter("fishd_takes", "Takes of the segments of published jobs.", {(): self._takes})
        yield _counter("fishd_retakes", "Takes beyond a segment's first.", {(): self._retakes})
        yield _counter("fishd_audio_seconds", "Speech in published jobs.", {(): self._audio_s})
        causes = {(name,): self._gone[name] for name in (*CAUSES, *(set(self._gone) - set(CAUSES)))}
        yield _counter("fishd_worker_restarts", "Workers that died, by cause.", causes, "cause")
        help_ = "When a job was last published with every segment spoken; 0: not yet."
        yield _gauge("fishd_last_success_timestamp_seconds", help_, self._last_success)


def _work(status: Status) -> Iterator[Metric]:
    states = Counter(job.state for job in status.jobs)
    jobs = {(name,): float(states[name]) for name in ("reading", "waiting", "speaking", "publishing")}
    yield _labelled("fishd_jobs_in_work", "Jobs that are not over.", ("state",), jobs)
    in_hand = sum(worker.in_hand for worker in status.workers)
    left = sum(job.total - job.done - job.failed for job in status.jobs)
    yield _gauge("fishd_takes_in_hand", "Takes that workers are speaking.", in_hand)
    yield _gauge("fishd_segments_waiting", "The queue: segments that no worker has in hand.", left - in_hand)
    yield _gauge("fishd_bundles_incomplete", "Bundles in the inbox that lack something.", status.waiting)


def _workers(status: Status) -> Iterator[Metric]:
    count = Counter((worker.device, worker.state) for worker in status.workers)
    devices = sorted({worker.device for worker in status.workers})
    states = {(device, state): float(count[device, state]) for device in devices for state in STATES}
    yield _labelled("fishd_workers", "Workers by device and state.", ("device", "state"), states)
    memory = {
        (str(worker.worker), worker.device): worker.memory_gb * GIB
        for worker in status.workers
        if worker.memory_gb is not None
    }
    help_ = "A worker's memory: on its GPU, or resident where there is none."
    yield _labelled("fishd_worker_memory_bytes", help_, ("worker", "device"), memory)


def _gpus(status: Status) -> Iterator[Metric]:
    used: Counter[str] = Counter()
    for worker in status.workers:
        used[worker.device] += round((worker.memory_gb or 0.0) * GIB)
    labels = ("gpu", "name")
    total = {(str(gpu.index), gpu.name): gpu.total_gb * GIB for gpu in status.gpus}
    ours = {(str(gpu.index), gpu.name): float(used[f"gpu:{gpu.index}"]) for gpu in status.gpus}
    yield _labelled("fishd_gpu_memory_total_bytes", "A card's memory.", labels, total)
    yield _labelled("fishd_gpu_memory_used_bytes", "A card's memory that our workers hold.", labels, ours)


def _gauge(name: str, help_: str, value: float) -> Metric:
    return _labelled(name, help_, (), {(): value})


def _labelled(
    name: str, help_: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, help_, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(name: str, help_: str, values: Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    """`name` without the `_total` that the format adds."""
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, help_, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _text(families: Iterator[Metric]) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Once(Collector):
        def collect(self) -> Iterator[Metric]:
            return families

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Once())
    return generate_latest(registry)


def _replace(path: Path, text: bytes) -> None:
    """The collector reads only what ends in .prom, so never the half of a file."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(text)
        part.chmod(0o644)  # the node exporter is another user
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def _seconds(moment: str) -> float:
    """RFC 3339 to seconds since the epoch."""
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0
