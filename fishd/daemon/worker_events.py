"""What workers send, and their exits -> events for the mailbox, journalled first where that counts."""

from __future__ import annotations

import os
from collections.abc import Callable

from fishd.core.dispatch.events import (
    CheckCompleted,
    Event,
    TakeCompleted,
    TakeFailed,
    TakeSynthesized,
    WorkerGone,
    WorkerProgressed,
    WorkerReady,
)
from fishd.core.dispatch.worker_state import InFlightTake
from fishd.core.model.job import Clip
from fishd.daemon.announce import log_worker_ready
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.journal_writer import JournalWriter
from fishd.pool.pool import WorkerExited, WorkerMessage
from fishd.spool.errors import disk_error
from fishd.spool.journal.journal import SpokenLine, text_hash
from fishd.wire import messages


class WorkerEvents:
    """The pool calls `receive`. How a take ended, and a worker's exit, go through the journal's queue: they
    reach the mailbox in the order in which they came, and a clip only after its journal line is written.
    """

    def __init__(
        self,
        find_take: Callable[[int, str], InFlightTake | None],
        journal: JournalWriter,
        disk_errors: DiskErrorTracker,
        post: Callable[[Event], None],
    ) -> None:
        self._find_take = find_take
        self._journal = journal
        self._disk_errors = disk_errors
        self._post = post

    def receive(self, received: WorkerMessage[messages.FromWorker] | WorkerExited) -> None:
        if isinstance(received, WorkerExited):
            self._on_exit(received)
        else:
            self._on_message(received.worker, received.message)

    def _on_exit(self, exited: WorkerExited) -> None:
        self._disk_errors.resolve(_clips_of(exited.worker))
        event = WorkerGone(exited.worker, exited.kind, exited.reason, exited.needs_gb)
        self._journal.post_in_order(event)

    def _on_message(self, worker: int, message: messages.FromWorker) -> None:
        match message:
            case messages.Ready():
                log_worker_ready(worker, message)
                ready = (message.slots, message.engine, message.remark, message.memory_gb)
                self._post(WorkerReady(worker, *ready))
            case messages.Inspected():
                faults = (message.fault,) if message.fault else ()
                self._post(CheckCompleted(worker, message.id, faults, message.warnings, message.features))
            case messages.OptionsChecked():
                self._post(CheckCompleted(worker, message.id, message.faults))
            case messages.Synthesized():
                self._post(TakeSynthesized(worker, message.take))
            case messages.ClipWritten():
                self._on_clip_written(worker, message)
            case messages.TakeError():
                event = TakeFailed(worker, message.take, message.reason, message.retry)
                self._journal.post_in_order(event)
            case messages.Progress():
                self._track_disk(worker, message.errno)
                self._post(WorkerProgressed(worker, message.memory_gb, message.peak_gb, message.slots))
            case messages.MemoryReport() | messages.WorkerFault():
                pass  # for `fishd calibrate`; and the pool's own, which is the reason of the exit

    def _on_clip_written(self, worker: int, message: messages.ClipWritten) -> None:
        held = self._find_take(worker, message.take)
        if held is None:
            return  # its job was cancelled, or the worker is being replaced
        order, segment, features = held.order, held.order.segment, message.features
        clip = Clip(
            path=order.clip,
            duration_s=message.duration_s,
            takes=order.number,
            seed=order.seed,
            worker=worker,
            device=order.device,
            work_s=message.work_s,
            content_hash=message.content_hash,
            quality=None if features is None else held.job.baselines.assess(order.speaker, segment, features),
        )
        line = SpokenLine(
            speaker=order.speaker_index,
            segment=segment.id,
            text_hash=text_hash(segment.speech),
            voice_key=order.speaker.voice_key,
            size_bytes=message.size_bytes,
            clip=clip,
        )
        self._journal.append(order.job.name, line, then=TakeCompleted(worker, message.take, clip))

    def _track_disk(self, worker: int, errno: int) -> None:
        thing = _clips_of(worker)
        if errno:
            error = OSError(errno, os.strerror(errno))
            self._disk_errors.report(thing, disk_error(thing, "cannot write clips", error))
        else:
            self._disk_errors.resolve(thing)


def _clips_of(worker: int) -> str:
    return f"worker {worker}"
