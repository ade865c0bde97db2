"""Which segment a free slot gets: the next of the fair queue, as a take."""

from __future__ import annotations

from collections.abc import Iterator

from fishd.core.dispatch.actions import Action, LogMessage
from fishd.core.dispatch.fairness import FairQueue
from fishd.core.dispatch.job_state import JobRecord
from fishd.core.dispatch.takes import make_send_take
from fishd.core.dispatch.worker_state import InFlightTake, WorkerRecord
from fishd.core.dispatch.workers import Workers


def assign_takes(workers: Workers, queue: FairQueue, now: float) -> Iterator[Action]:
    """Fill every free slot for which a segment waits, the least loaded worker first."""
    free = [worker for worker in workers.ready() if worker.free_slots > 0]
    while free:
        worker = min(free, key=lambda w: (w.num_slots_used / w.slots, w.id))
        actions = _next_take(workers, queue, worker, now)
        if actions is not None:
            yield from actions
        if actions is None or worker.free_slots <= 0:
            free.remove(worker)


def _next_take(
    workers: Workers, queue: FairQueue, worker: WorkerRecord, now: float
) -> tuple[Action, ...] | None:
    for job in queue.in_order():
        waiting = job.waiting
        assert waiting is not None
        if waiting.has_alone and worker.is_busy and not any(w.is_emptying for w in workers.ready()):
            worker.is_emptying = True
            return None
        place = waiting.peek(worker.voices, idle=not worker.is_busy)
        if place is not None:
            actions = _send(worker, job, place, workers.label(worker.device), now)
            queue.rotate(job)
            return actions
    return None


def _send(
    worker: WorkerRecord, job: JobRecord, place: tuple[int, int], label: str, now: float
) -> tuple[Action, ...]:
    s, n = place
    record, alone = job.start_take(s, n, now)
    order = make_send_take(worker, job, s, n, record.takes)
    worker.note_assignment(now)
    worker.is_emptying = False
    worker.takes[order.take] = InFlightTake(order, job, alone, now)
    worker.remember_voice(order.speaker.voice_key)
    job.add_in_flight(worker.id, worker.device, now)
    if (worker.id, s) in job.announced:
        return (order,)
    job.announced.add((worker.id, s))
    line = f"[Main] Launching Worker {worker.id} on {label} for Speaker {s}"
    return LogMessage("info", line, job=job.name, worker=worker.id), order
