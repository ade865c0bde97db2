"""What workers say and how they end -> events, at once or after the journal has it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from fishd.core.dispatch.events import (
    CheckCompleted,
    TakeFailed,
    TakeSynthesized,
    WorkerGone,
    WorkerProgressed,
    WorkerReady,
)
from fishd.daemon.announce import log_worker_ready
from fishd.daemon.controller import Controller
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.journal_writer import JournalWriter
from fishd.spool.errors import disk_error
from fishd.wire import messages

_log = logging.getLogger("fishd.main")


class WorkerEvents:
    """Called by the mailbox's task. `lost` is told when a worker ends that nobody had asked to."""

    def __init__(
        self,
        controller: Controller,
        keeper: JournalWriter,
        faults: DiskErrorTracker,
        *,
        ready: Callable[[], None],
        lost: Callable[[WorkerGone], None],
    ) -> None:
        self._controller = controller
        self._keeper = keeper
        self._faults = faults
        self._ready = ready
        self._lost = lost

    def on_message(self, worker: int, message: messages.FromWorker) -> None:
        """A message from a worker."""
        decide = self._controller.apply
        match message:
            case messages.Ready():
                self._worker_ready(worker, message)
            case messages.Inspected():
                faults = (message.fault,) if message.fault else ()
                decide(CheckCompleted(worker, message.id, faults, message.warnings))
            case messages.OptionsChecked():
                decide(CheckCompleted(worker, message.id, message.faults))
            case messages.Synthesized():
                decide(TakeSynthesized(worker, message.take))
            case messages.ClipWritten():
                self._spoken(worker, message)
            case messages.TakeError():
                self._keeper.enqueue(TakeFailed(worker, message.take, message.reason, message.retry))
            case messages.Progress():
                self._hear_of_the_disk(worker, message.errno)
                decide(WorkerProgressed(worker, message.memory_gb, message.peak_gb, message.slots))
            case messages.MemoryReport():
                pass  # only `fishd calibrate` asks
            case messages.WorkerFault():
                pass  # the pool makes it the reason of the worker's end

    def on_exit(self, event: WorkerGone) -> None:
        """A worker has ended, and everything that it had said is heard."""
        worker = self._controller.dispatcher.workers.by_id.get(event.worker)
        self._faults.resolve(f"worker {event.worker}")
        if worker is not None:
            if worker.drained_at is None:
                _log.error("[Worker %d] gone: %s", event.worker, event.reason, extra={"worker": event.worker})
                self._lost(event)
            for take in worker.takes:
                self._controller.executor.orders.pop(take, None)
        self._controller.apply(event)

    def _worker_ready(self, worker: int, ready: messages.Ready) -> None:
        log_worker_ready(worker, ready)
        self._controller.apply(WorkerReady(worker, ready.slots, ready.engine, ready.remark, ready.memory_gb))
        self._ready()

    def _spoken(self, worker: int, message: messages.ClipWritten) -> None:
        order = self._controller.executor.orders.get(message.take)
        if order is not None:
            self._keeper.clip_written(
                order, self._controller.dispatcher.workers.by_id[worker].device, message
            )

    def _hear_of_the_disk(self, worker: int, errno: int) -> None:
        thing = f"worker {worker}"
        if errno:
            refusal = OSError(errno, os.strerror(errno))
            self._faults.report(thing, disk_error(thing, "cannot write clips", refusal))
        else:
            self._faults.resolve(thing)
