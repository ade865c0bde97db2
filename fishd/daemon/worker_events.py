"""What workers say and how they end -> events, at once or after the journal has it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from fishd.core.dispatch.events import (
    QuestionAnswered,
    TakeFailed,
    TakeRecorded,
    WorkerGone,
    WorkerProgressed,
    WorkerReady,
)
from fishd.daemon.announce import tell_ready
from fishd.daemon.controller import Mind
from fishd.daemon.disk_errors import Faults
from fishd.daemon.journal_writer import Keeper
from fishd.spool.errors import disk_error
from fishd.wire import messages

_log = logging.getLogger("fishd.main")


class Hearing:
    """Called by the mailbox's task. `lost` is told when a worker ends that nobody had asked to."""

    def __init__(
        self,
        mind: Mind,
        keeper: Keeper,
        faults: Faults,
        *,
        ready: Callable[[], None],
        lost: Callable[[WorkerGone], None],
    ) -> None:
        self._mind = mind
        self._keeper = keeper
        self._faults = faults
        self._ready = ready
        self._lost = lost

    def hear(self, worker: int, message: messages.FromWorker) -> None:
        """A message from a worker."""
        decide = self._mind.decide
        match message:
            case messages.Ready():
                self._worker_ready(worker, message)
            case messages.Inspected():
                faults = (message.fault,) if message.fault else ()
                decide(QuestionAnswered(worker, message.id, faults, message.warnings))
            case messages.OptionsChecked():
                decide(QuestionAnswered(worker, message.id, message.faults))
            case messages.Recorded():
                decide(TakeRecorded(worker, message.take))
            case messages.Spoken():
                self._spoken(worker, message)
            case messages.Failed():
                self._keeper.pass_on(TakeFailed(worker, message.take, message.reason, message.retry))
            case messages.Progress():
                self._hear_of_the_disk(worker, message.errno)
                decide(WorkerProgressed(worker, message.memory_gb, message.peak_gb, message.slots))
            case messages.Weighed():
                pass  # only `fishd calibrate` asks
            case messages.Fault():
                pass  # the pool makes it the reason of the worker's end

    def gone(self, event: WorkerGone) -> None:
        """A worker has ended, and everything that it had said is heard."""
        worker = self._mind.dispatcher.crew.workers.get(event.worker)
        self._faults.over(f"worker {event.worker}")
        if worker is not None:
            if worker.drained_at is None:
                _log.error("[Worker %d] gone: %s", event.worker, event.reason, extra={"worker": event.worker})
                self._lost(event)
            for take in worker.takes:
                self._mind.hands.orders.pop(take, None)
        self._mind.decide(event)

    def _worker_ready(self, worker: int, ready: messages.Ready) -> None:
        tell_ready(worker, ready)
        self._mind.decide(WorkerReady(worker, ready.slots, ready.engine, ready.remark, ready.memory_gb))
        self._ready()

    def _spoken(self, worker: int, message: messages.Spoken) -> None:
        order = self._mind.hands.orders.get(message.take)
        if order is not None:
            self._keeper.spoken(order, self._mind.dispatcher.crew.workers[worker].device, message)

    def _hear_of_the_disk(self, worker: int, errno: int) -> None:
        thing = f"worker {worker}"
        if errno:
            refusal = OSError(errno, os.strerror(errno))
            self._faults.met(thing, disk_error(thing, "cannot write clips", refusal))
        else:
            self._faults.over(thing)
