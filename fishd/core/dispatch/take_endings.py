"""What follows when a take ends: its segment is done, waits for another take, or has failed."""

from __future__ import annotations

from collections.abc import Iterator

from fishd.core.dispatch.actions import Action, ListenToTake, LogMessage, RecordFailure, SendTake
from fishd.core.dispatch.job_state import JobRecord
from fishd.core.dispatch.worker_state import InFlightTake
from fishd.core.model.job import Clip, SegmentFailure


def on_spoken(job: JobRecord, s: int, n: int, clip: Clip, max_takes: int) -> Iterator[Action]:
    """A take without faults is heard, where the job asks for that, before it is accepted."""
    job.records[s][n].spoken += (clip,)
    if job.must_hear(clip) and not job.is_cancelled:
        job.records[s][n].move("to be heard")
        yield ListenToTake(job.job, s, n, clip)
    else:
        yield from _accept_or_repeat(job, s, n, clip, max_takes)


def on_heard(job: JobRecord, s: int, n: int, clip: Clip, max_takes: int) -> Iterator[Action]:
    """`clip` has the verdict."""
    record = job.records[s][n]
    record.spoken = tuple(clip if take.path == clip.path else take for take in record.spoken)
    yield from _accept_or_repeat(job, s, n, clip, max_takes)


def _accept_or_repeat(job: JobRecord, s: int, n: int, clip: Clip, max_takes: int) -> Iterator[Action]:
    """A take with faults is spoken again; when no take is left, the best one is kept."""
    record = job.records[s][n]
    if record.is_settled or job.waiting is None or record.takes >= max_takes:
        yield from _complete(job, s, n, clip.takes)
        return
    _requeue(job, s, n, max_takes)
    text = f"[Main] {_where(job, s, n, clip.takes)}: {_in_words(clip)}; speaking it again"
    yield LogMessage("info", text, job=job.name)


def on_no_clip(
    held: InFlightTake, reason: str, max_takes: int, *, can_retry: bool, counted: bool
) -> Iterator[Action]:
    """The segment waits again, or ends: with the best of its earlier takes, or as failed without one.

    A take that does not count was lost by no fault of its segment.
    """
    job, order = held.job, held.order
    s, n = order.speaker_index, order.segment_index
    record, where = job.records[s][n], _where(job, s, n, order.number)
    if not counted:
        record.takes -= 1
    if job.is_cancelled:
        job.fail(s, n, "cancelled")
    elif can_retry and (not counted or record.takes < max_takes):
        _requeue(job, s, n, max_takes)
        if counted:
            yield _record(order, SegmentFailure(record.takes, record.deaths, reason, is_final=False))
        yield LogMessage("warning", f"[Main] {where}: {reason}; retrying", job=job.name)
    elif record.spoken:
        yield _record(order, SegmentFailure(record.takes, record.deaths, reason, True, can_retry))
        yield LogMessage("warning", f"[Main] {where}: {reason}", job=job.name)
        yield from _complete(job, s, n, order.number)
    else:
        takes = f" ({record.takes} takes)" if record.takes > 1 else ""
        job.fail(s, n, f"{reason}{takes}", can_retry=can_retry)
        yield _record(order, SegmentFailure(record.takes, record.deaths, record.error, True, can_retry))
        text = f"[Main] {where}: {reason}; the segment has failed"
        yield LogMessage("error", text, job=job.name)


def _complete(job: JobRecord, s: int, n: int, number: int) -> Iterator[Action]:
    clip = job.complete(s, n)
    if clip.faults:
        kept = f"take {clip.takes} of {number} is kept"
        text = f"[Main] {_where(job, s, n, number)}: doubtful: {_in_words(clip)}; {kept}"
        yield LogMessage("warning", text, job=job.name)


def _requeue(job: JobRecord, s: int, n: int, max_takes: int) -> None:
    """A segment that may have ended workers runs alone for its last take."""
    record = job.records[s][n]
    job.requeue(s, n, alone=record.deaths > 0 and record.takes == max_takes - 1)


def _where(job: JobRecord, s: int, n: int, number: int) -> str:
    return f"{job.name}: speaker {s}, segment {job.job.speakers[s].segments[n].id}, take {number}"


def _in_words(clip: Clip) -> str:
    return "; ".join(map(str, clip.faults))


def _record(order: SendTake, failure: SegmentFailure) -> RecordFailure:
    return RecordFailure(order.job.name, order.speaker_index, order.segment, failure)
