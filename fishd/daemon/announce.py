"""Log lines about plans, workers and jobs that operators follow."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fishd.core.dispatch.events import JobArrived
from fishd.daemon.pool_plan import Deployment
from fishd.wire.messages import Ready

_log = logging.getLogger("fishd.main")


def log_plan(deployment: Deployment, told: Sequence[str] = ()) -> None:
    """The contract's lines, unchanged; faults that are not in the log yet."""
    for fault in deployment.faults:
        if fault not in told:
            _log.warning("[Main] %s", fault)
    for remark in deployment.remarks:
        _log.info("[Main] %s", remark)
    for line in deployment.plan.lines:
        _log.info("%s", line)
    for line in deployment.plan.warnings:
        _log.warning("[Main] %s", line)


def log_worker_ready(worker: int, ready: Ready) -> None:
    extra = {"worker": worker}
    slots = f"{ready.slots} takes at once" if ready.slots > 1 else "one take at a time"
    what = f"{ready.engine}, {slots}, loaded in {ready.load_s:.1f} s"
    _log.info("[Worker %d] ready: %s", worker, what, extra=extra)
    for note in ready.notes:
        _log.info("[Worker %d] %s", worker, note, extra=extra)


def log_job_arrived(event: JobArrived) -> None:
    if event.job is None:
        what = f"{len(event.faults)} faults found"
    else:
        what = f"{len(event.job.speakers)} speakers, {event.job.num_segments} segments"
    done = f", {len(event.clips)} of them already spoken" if event.clips else ""
    _log.info("[Main] Job %s: %s%s", event.name, what, done, extra={"job": event.name})
