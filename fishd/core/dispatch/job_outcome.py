"""A job that is over -> its outcome, from which the report is made."""

from __future__ import annotations

from fishd.core.dispatch.job_state import JobRecord, SegmentRecord
from fishd.core.model.job import Segment
from fishd.core.model.outcome import JobOutcome, SegmentOutcome
from fishd.core.model.result import WorkerShare


def make_outcome(job: JobRecord, engine: str, remark: str, now: float) -> JobOutcome:
    """`now` is monotonic, in seconds, as is the job's start."""
    started = now if job.started_at is None else job.started_at
    speakers = job.arrived.job.speakers if job.arrived.job else ()
    return JobOutcome(
        name=job.name,
        job=job.arrived.job,
        status=job.status(),
        faults=tuple(job.faults),
        warnings=tuple(job.warnings),
        segments=tuple(
            tuple(map(_segment, speaker.segments, records))
            for speaker, records in zip(speakers, job.records, strict=True)
        ),
        shares=tuple(
            WorkerShare(worker=w, device=share.device, takes=share.takes, busy_s=share.busy_s)
            for w, share in sorted(job.tallies.items())
        ),
        remarks=(remark,) if remark and job.tallies else (),
        engine=engine,
        wall_s=max(0.0, now - started),
        engine_key=job.engine_key,
        revision=job.arrived.revision,
    )


def _segment(segment: Segment, record: SegmentRecord) -> SegmentOutcome:
    takes = segment.earlier_takes + record.takes
    return SegmentOutcome(takes, record.clip, record.error, record.can_retry, record.spoken)
