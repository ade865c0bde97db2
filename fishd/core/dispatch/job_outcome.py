"""A job that is over -> its ending, from which the report is made."""

from __future__ import annotations

from fishd.core.dispatch.actions import Ending, SegmentEnding
from fishd.core.dispatch.job_state import JobBook
from fishd.core.model.result import WorkerShare


def make_ending(job: JobBook, engine: str, remark: str, now: float) -> Ending:
    """`now` is monotonic, in seconds, as was the moment when the job was begun."""
    started = now if job.begun_at is None else job.begun_at
    return Ending(
        name=job.name,
        job=job.arrived.job,
        status=job.status(),
        faults=tuple(job.faults),
        warnings=tuple(job.warnings),
        segments=tuple(
            tuple(SegmentEnding(r.takes, r.clip, r.error) for r in records) for records in job.records
        ),
        shares=tuple(
            WorkerShare(worker=w, device=share.device, takes=share.takes, busy_s=share.busy_s)
            for w, share in sorted(job.shares.items())
        ),
        remarks=(remark,) if remark and job.shares else (),
        engine=engine,
        wall_s=max(0.0, now - started),
    )
