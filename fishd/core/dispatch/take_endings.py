"""What follows when a take ends: its segment is done, waits for another take, or has failed."""

from __future__ import annotations

from collections.abc import Iterator

from fishd.core.dispatch.actions import Action, LogMessage, RecordFailure, SendTake
from fishd.core.dispatch.job_state import JobRecord
from fishd.core.dispatch.worker_state import InFlightTake
from fishd.core.model.job import Clip, SegmentFailure


def on_spoken(held: InFlightTake, clip: Clip, max_takes: int) -> Iterator[Action]:
    """A take with faults is spoken again; when no take is left, the best one is kept."""
    job, order = held.job, held.order
    record = job.records[order.speaker_index][order.segment_index]
    record.spoken += (clip,)
    if record.is_settled or job.is_cancelled or record.takes >= max_takes:
        yield from _complete(job, order)
        return
    _requeue(job, order, max_takes)
    yield LogMessage("info", f"[Main] {_where(order)}: {_in_words(clip)}; speaking it again", job=job.name)


def on_no_clip(
    held: InFlightTake, reason: str, max_takes: int, *, can_retry: bool, counted: bool
) -> Iterator[Action]:
    """The segment waits again, or ends: with the best of its earlier takes, or as failed without one.

    A take that does not count was lost by no fault of its segment.
    """
    job, order = held.job, held.order
    s, n = order.speaker_index, order.segment_index
    record = job.records[s][n]
    if not counted:
        record.takes -= 1
    if job.is_cancelled:
        job.fail(s, n, "cancelled")
    elif can_retry and (not counted or record.takes < max_takes):
        _requeue(job, order, max_takes)
        if counted:
            yield _record(order, SegmentFailure(record.takes, record.deaths, reason, is_final=False))
        yield LogMessage("warning", f"[Main] {_where(order)}: {reason}; retrying", job=job.name)
    elif record.spoken:
        yield _record(order, SegmentFailure(record.takes, record.deaths, reason, True, can_retry))
        yield LogMessage("warning", f"[Main] {_where(order)}: {reason}", job=job.name)
        yield from _complete(job, order)
    else:
        takes = f" ({record.takes} takes)" if record.takes > 1 else ""
        job.fail(s, n, f"{reason}{takes}", can_retry=can_retry)
        yield _record(order, SegmentFailure(record.takes, record.deaths, record.error, True, can_retry))
        text = f"[Main] {_where(order)}: {reason}; the segment has failed"
        yield LogMessage("error", text, job=job.name)


def _complete(job: JobRecord, order: SendTake) -> Iterator[Action]:
    clip = job.complete(order.speaker_index, order.segment_index)
    if clip.faults:
        kept = f"take {clip.takes} of {order.number} is kept"
        text = f"[Main] {_where(order)}: doubtful: {_in_words(clip)}; {kept}"
        yield LogMessage("warning", text, job=job.name)


def _requeue(job: JobRecord, order: SendTake, max_takes: int) -> None:
    """A segment that may have ended workers runs alone for its last take."""
    s, n = order.speaker_index, order.segment_index
    record = job.records[s][n]
    job.requeue(s, n, alone=record.deaths > 0 and record.takes == max_takes - 1)


def _where(order: SendTake) -> str:
    return f"{order.job.name}: speaker {order.speaker_index}, segment {order.segment.id}, take {order.number}"


def _in_words(clip: Clip) -> str:
    return "; ".join(map(str, clip.faults))


def _record(order: SendTake, failure: SegmentFailure) -> RecordFailure:
    return RecordFailure(order.job.name, order.speaker_index, order.segment, failure)
