"""The tables of `fishd status`: jobs, workers, GPUs and the last errors."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from fishd.core.model.status import GpuSnapshot, JobSnapshot, Status, WorkerSnapshot
from fishd.core.text.humanize import count, gigabytes, time_left, utc_time
from fishd.view.crop import cropped
from fishd.view.layout import (
    BAD,
    DIM,
    GOOD,
    NAME,
    ODD,
    PLAIN,
    Cell,
    Column,
    and_more,
    bar,
    hanging,
    heading,
    table,
)

_MOST_JOBS = 20
_MOST_ERRORS = 8
_JOBS = (
    Column("Job"),
    Column("State"),
    Column("Segments", right=True),
    Column(""),
    Column("Rate", right=True),
    Column("Left", right=True),
)
_WORKERS = (
    Column("Worker"),
    Column("Device"),
    Column("State"),
    Column("Slots", right=True),
    Column("Takes", right=True),
    Column("Memory", right=True),
    Column("Restarts", right=True),
)
_GPUS = (Column("GPU"), Column("Workers", right=True), Column("Memory in use", right=True), Column(""))
_WORKER_STATES = {"ready": GOOD, "starting": ODD, "draining": ODD}


def jobs(status: Status) -> Iterator[Segment]:
    """The unfinished jobs, in the daemon's order, and how many bundles are not yet complete."""
    yield from heading("Jobs")
    if status.jobs:
        yield from table(_JOBS, [_job_row(job) for job in status.jobs[:_MOST_JOBS]])
        yield from and_more(len(status.jobs) - _MOST_JOBS, "job")
    else:
        yield Segment("  none\n", DIM)
    if status.waiting:
        yield Segment(f"  {count(status.waiting, 'incomplete bundle')} in the inbox\n", DIM)


def workers(status: Status, console: Console) -> Iterator[Segment]:
    """The worker processes, and the last fault of each that had one."""
    yield from heading("Workers")
    if not status.workers:
        yield Segment("  none\n", DIM)
        return
    yield from table(_WORKERS, [_worker_row(worker) for worker in status.workers])
    for worker in status.workers:
        if worker.last_fault:
            fault = Text(f"Worker {worker.worker}: {cropped(worker.last_fault, 300)}")
            yield from hanging(Cell("!", ODD), fault, console)


def gpus(status: Status) -> Iterator[Segment]:
    """The GPUs, if there are any."""
    if status.gpus:
        yield from heading("GPUs")
        yield from table(_GPUS, [_gpu_row(gpu) for gpu in status.gpus])


def last_errors(status: Status, console: Console) -> Iterator[Segment]:
    """The last errors, the latest last."""
    if not status.errors:
        return
    yield from heading("Last errors (UTC)")
    for error in status.errors[-_MOST_ERRORS:]:
        where = cropped(error.where, 60)
        text = Text.assemble(
            (cropped(utc_time(error.at).removesuffix(" UTC"), 25), DIM),
            (f" {where}: " if where else " ", NAME),
            cropped(error.what, 400),
        )
        yield from hanging(Cell("✗", BAD), text, console)


def _job_row(job: JobSnapshot) -> tuple[Cell, ...]:
    ended = job.done + job.failed
    share = ended / job.total if job.total else 0.0
    tally = f"{ended:,}/{job.total:,}" if job.total else "–"
    return (
        Cell(cropped(job.name, 60), NAME),  # not its title: commands take the name
        Cell(cropped(job.state, 10)),
        Cell(tally, BAD if job.failed else PLAIN),
        bar(share, 10),
        Cell(f"×{job.rate:.1f}") if job.rate > 0 else Cell("–", DIM),
        Cell(time_left(job.eta_s)) if job.eta_s is not None else Cell("–", DIM),
    )


def _worker_row(worker: WorkerSnapshot) -> tuple[Cell, ...]:
    memory_gb = worker.memory_gb
    return (
        Cell(f"Worker {worker.worker}"),
        Cell(cropped(worker.device, 12)),
        Cell(cropped(worker.state, 10), _WORKER_STATES.get(worker.state, PLAIN)),
        Cell(f"{worker.in_hand}/{worker.slots}"),
        Cell(f"{worker.takes:,}"),
        Cell(gigabytes(memory_gb)) if memory_gb is not None else Cell("–", DIM),
        Cell(f"{worker.restarts}", ODD) if worker.restarts else Cell("–", DIM),
    )


def _gpu_row(gpu: GpuSnapshot) -> tuple[Cell, ...]:
    used_gb = max(gpu.total_gb - gpu.free_gb, 0.0)
    return (
        Cell(cropped(f"{gpu.label} {gpu.name}", 40)),
        Cell(f"{gpu.workers}"),
        Cell(f"{used_gb:.1f} of {gigabytes(gpu.total_gb)}"),
        bar(used_gb / gpu.total_gb if gpu.total_gb else 0.0, 10),
    )
