"""A take in words that others understand: the order for it, and the clip that came of it."""

from __future__ import annotations

from fishd.core.dispatch.actions import SendTake
from fishd.core.dispatch.events import TakeCompleted
from fishd.core.dispatch.job_state import JobRecord
from fishd.core.dispatch.take_limits import limit_s, take_seed
from fishd.core.dispatch.worker_state import InFlightTake, WorkerRecord
from fishd.core.model.job import Clip


def make_send_take(worker: int, job: JobRecord, s: int, n: int, number: int) -> SendTake:
    """Have this worker speak segment `n` of speaker `s`, for the `number`-th time."""
    speaker = job.job.speakers[s]
    segment = speaker.segments[n]
    return SendTake(
        worker=worker,
        take=f"{job.serial}.{s}.{n}.{number}.{worker}",
        job=job.job,
        speaker=speaker,
        speaker_index=s,
        segment=segment,
        segment_index=n,
        number=number,
        seed=take_seed(speaker.voice_key, segment.language, segment.text, number),
        limit_s=limit_s(segment.text),
    )


def clip_of(held: InFlightTake, event: TakeCompleted, worker: WorkerRecord) -> Clip:
    """What a take that was spoken has given."""
    return Clip(
        path=held.job.job.speakers[held.speaker].segments[held.segment].clip,
        duration_s=event.duration_s,
        takes=held.number,
        seed=held.seed,
        worker=worker.id,
        device=worker.device,
        work_s=event.work_s,
        content_hash=event.content_hash,
    )
