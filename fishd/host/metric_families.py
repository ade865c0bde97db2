"""Prometheus metric families made from the daemon's status; prometheus-client is imported when needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fishd.core.model.status import GpuSnapshot, Status

if TYPE_CHECKING:
    from prometheus_client.core import Metric

GIB = 1024**3
STATES = ("starting", "ready", "draining")


def job_families(status: Status) -> Iterator[Metric]:
    """Jobs, takes and bundles."""
    states = Counter(job.state for job in status.jobs)
    jobs = {(name,): float(states[name]) for name in ("reading", "waiting", "speaking", "assembling")}
    yield labelled("fishd_jobs_in_work", "Jobs in work/, by state.", ("state",), jobs)
    in_hand = sum(worker.in_hand for worker in status.workers)
    unfinished = sum(job.total - job.done - job.failed for job in status.jobs)
    yield gauge("fishd_takes_in_hand", "Takes that workers are speaking.", in_hand)
    yield gauge("fishd_segments_waiting", "Segments in the queue.", unfinished - in_hand)
    yield gauge("fishd_bundles_incomplete", "Bundles in the inbox that lack something.", status.waiting)


def worker_families(status: Status) -> Iterator[Metric]:
    """Workers and their memory."""
    count = Counter((worker.device, worker.state) for worker in status.workers)
    devices = sorted({worker.device for worker in status.workers})
    states = {(device, state): float(count[device, state]) for device in devices for state in STATES}
    yield labelled("fishd_workers", "Workers by device and state.", ("device", "state"), states)
    memory = {
        (str(worker.worker), worker.device): worker.memory_gb * GIB
        for worker in status.workers
        if worker.memory_gb is not None
    }
    help_ = "A worker's memory: on its GPU, or resident where there is none."
    yield labelled("fishd_worker_memory_bytes", help_, ("worker", "device"), memory)


def gpu_families(status: Status) -> Iterator[Metric]:
    """GPU memory, in all and held by our workers."""
    used: Counter[str] = Counter()
    for worker in status.workers:
        used[worker.device] += round((worker.memory_gb or 0.0) * GIB)
    labels = ("gpu", "name")
    total = {_gpu_labels(gpu): gpu.total_gb * GIB for gpu in status.gpus}
    ours = {_gpu_labels(gpu): float(used[gpu.device]) for gpu in status.gpus}
    yield labelled("fishd_gpu_memory_total_bytes", "A GPU's memory.", labels, total)
    yield labelled("fishd_gpu_memory_used_bytes", "A GPU's memory that our workers hold.", labels, ours)


def _gpu_labels(gpu: GpuSnapshot) -> tuple[str, str]:
    return f"{gpu.node}/{gpu.index}" if gpu.node else str(gpu.index), gpu.name


def gauge(name: str, help_: str, value: float) -> Metric:
    """A gauge without labels."""
    return labelled(name, help_, (), {(): value})


def labelled(
    name: str, help_: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    """A gauge with a value for each tuple of labels."""
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, help_, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def counter(name: str, help_: str, values: Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    """`name` is without the `_total` that the format adds."""
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, help_, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def to_text(families: Iterator[Metric]) -> bytes:
    """The families in the text format."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Once(Collector):
        def collect(self) -> Iterator[Metric]:
            return families

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Once())
    return generate_latest(registry)
