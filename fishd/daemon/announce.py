"""The operator's story: the lines that the log tells of arrivals, workers and plans."""

from __future__ import annotations

import logging

from fishd.core.dispatch.events import JobArrived
from fishd.daemon.pool_plan import Deployment
from fishd.wire.messages import Ready

_log = logging.getLogger("fishd.main")


def log_plan(hiring: Deployment) -> None:
    """The contract's lines, as they are."""
    for remark in hiring.remarks:
        _log.info("[Main] %s", remark)
    for line in hiring.plan.lines:
        _log.info("%s", line)
    for line in hiring.plan.warnings:
        _log.warning("[Main] %s", line)


def log_worker_ready(worker: int, ready: Ready) -> None:
    """A worker serves from now on."""
    extra = {"worker": worker}
    slots = f"{ready.slots} takes at once" if ready.slots > 1 else "one take at a time"
    what = f"{ready.engine}, {slots}, loaded in {ready.load_s:.1f} s"
    _log.info("[Worker %d] ready: %s", worker, what, extra=extra)
    for note in ready.notes:
        _log.info("[Worker %d] %s", worker, note, extra=extra)


def log_job_arrived(event: JobArrived) -> None:
    """A bundle was claimed and read, or a job resumed."""
    if event.job is None:
        what = f"{len(event.faults)} faults found"
    else:
        what = f"{len(event.job.speakers)} speakers, {event.job.num_segments} segments"
    done = f", {len(event.clips)} of them spoken before" if event.clips else ""
    _log.info("[Main] Job %s: %s%s", event.name, what, done, extra={"job": event.name})
