"""The mailbox: everything that happens comes into one queue and is handled by one task, one message at a
time.

So the state behind it needs no lock. Every other task only posts: arrivals, the journal writer, the
publisher, reloads, and one task for each worker process.
"""

from __future__ import annotations

import logging
import time

from fishd.core.config.config import BadConfig
from fishd.core.dispatch.events import (
    CancelRequested,
    JobArrived,
    PlanChanged,
    StopRequested,
    WorkerGone,
    WorkerReady,
)
from fishd.core.model.job import JobStatus
from fishd.core.text.timestamps import rfc3339
from fishd.daemon.announce import log_job_arrived, log_plan
from fishd.daemon.mailbox import ConfigRead, GpusChanged, InboxScanned, MailboxMessage, ProblemReported
from fishd.daemon.parts import Parts
from fishd.daemon.pool_plan import Deployment
from fishd.daemon.publishing.hooks import HookEnded
from fishd.daemon.publishing.publisher import PublishAbandoned, Published, PublishResumed
from fishd.daemon.publishing.refusal import RevisionRefused
from fishd.daemon.watchdog import Heartbeat
from fishd.host.log.logs import BadLogFile
from fishd.spool.work_folder import OUT

_log = logging.getLogger("fishd.main")
PUBLISH_MARGIN_S = 10.0  # beyond drain_s, for the last publication


class EventLoop:
    """`run` handles messages until everything has ended. `once`: stop when no work is left."""

    def __init__(self, parts: Parts, *, once: bool) -> None:
        self._parts = parts
        self._dispatcher = parts.controller.dispatcher
        self._once = once
        # The mutable state, owned by the mailbox's task.
        self._all_done = True  # was every published job done?
        self._is_stuck = False
        self._inbox_is_empty = False

    async def run(self) -> int:
        """The exit code."""
        parts = self._parts
        while not (parts.controller.has_exited and not parts.publisher.num_under_way):
            message = await parts.mailbox.get()
            self._handle(message)
            if not isinstance(message, Heartbeat):
                parts.status_publisher.mark_changed()
            self._stop_if_finished()
        unfinished = len(self._dispatcher.jobs)
        if unfinished:
            _log.info("[Main] stopped; %d unfinished jobs are resumed at the next start", unfinished)
        return 1 if self._is_stuck or (self._once and (unfinished or not self._all_done)) else 0

    def cancel(self, job: str) -> bool:
        """Cancel a job that is spoken or assembled; whether there is one of that name."""
        if job not in self._dispatcher.jobs and job not in self._parts.publisher.assembling:
            return False
        _log.info("[Main] %s is cancelled on request", job, extra={"job": job})
        self._parts.journal.cancel(job, rfc3339(time.time()))
        return True

    def _handle(self, message: MailboxMessage) -> None:
        parts = self._parts
        match message:
            case JobArrived():
                parts.logs.jobs.open_job(message.name, parts.spool.work / message.name / OUT / "job.log")
                log_job_arrived(message)
                parts.controller.apply(message)
            case WorkerReady():
                parts.controller.apply(message)
                parts.notifier.ready()
            case WorkerGone():
                self._on_worker_gone(message)
            case CancelRequested(job=job) if job in parts.publisher.assembling:
                parts.publisher.cancel(job)
            case StopRequested():
                self._stop()
            case Published():
                self._on_published(message)
            case PublishResumed():
                _log.info("[Main] %s: its interrupted publication is complete", message.job)
                parts.hooks.published(message.path.name)
                parts.arrivals.job_ended()
            case RevisionRefused():
                self._on_revision_refused(message)
            case HookEnded():
                self._on_hook_ended(message)
            case PublishAbandoned():
                self._all_done = False
            case InboxScanned():
                self._inbox_is_empty = message.waiting == 0
                parts.status.waiting = message.waiting
            case ConfigRead():
                self._on_config_read(message)
            case GpusChanged():
                self._on_gpus_changed(message)
            case ProblemReported():
                parts.status.add_error(message.where, message.what)
            case Heartbeat():
                parts.watchdog.on_heartbeat(is_loading=bool(self._dispatcher.workers.by_id))
            case _:
                parts.controller.apply(message)

    def _on_worker_gone(self, event: WorkerGone) -> None:
        worker = self._dispatcher.workers.by_id.get(event.worker)
        if worker is not None and worker.drained_at is None:
            _log.error("[Worker %d] gone: %s", event.worker, event.reason, extra={"worker": event.worker})
            self._parts.status.add_error(f"worker {event.worker}", event.reason)
            self._parts.gpu_watch.check_soon()
            self._parts.metrics.worker_gone(event.kind)
        self._parts.controller.apply(event)

    def _on_published(self, message: Published) -> None:
        _log.info("[Main] %s is in %s", message.job, message.path)
        self._parts.hooks.published(message.path.name)
        self._parts.status.add_result(message.result)
        self._parts.metrics.published(message.result)
        self._all_done = self._all_done and message.result.status is JobStatus.DONE
        self._parts.arrivals.job_ended()

    def _on_revision_refused(self, message: RevisionRefused) -> None:
        for fault in message.faults:
            text = f"revision refused: {fault}"
            _log.error("[Main] %s: %s", message.job, text, extra={"job": message.job})
            self._parts.status.add_error(message.job, text)
        self._all_done = False
        self._parts.arrivals.job_ended()

    def _on_hook_ended(self, message: HookEnded) -> None:
        if message.fault:
            _log.error("[Hook] %s: %s", message.name, message.fault, extra={"job": message.name})
            self._parts.status.add_error(f"hook of {message.name}", message.fault)
        self._parts.metrics.hook_ended(failed=bool(message.fault))

    # ---- stopping ----------------------------------------------------------------------------------

    def _stop(self) -> None:
        parts = self._parts
        if self._dispatcher.stopping_since is None:
            _log.info("[Main] stopping: no new takes; those in flight are finished")
            parts.notifier.stopping()
            parts.notifier.extend_timeout(parts.reloader.config.pool.drain_s + PUBLISH_MARGIN_S)
            parts.arrivals.stop()
            parts.journal.stop()
            parts.publisher.stop()
        parts.controller.apply(StopRequested())

    def _stop_if_finished(self) -> None:
        """Stop when no work is left (`--once`), or when none can be done and somebody waits for it."""
        parts = self._parts
        if self._dispatcher.stopping_since is not None:
            return
        is_awaited = self._once or (parts.notifier.is_heard and not parts.notifier.is_ready)
        if is_awaited and self._dispatcher.workers.is_stuck:
            _log.error("[Main] no worker can be started: claimed jobs are resumed at the next start")
            self._is_stuck = True
            self._stop()
            return
        is_busy = self._dispatcher.jobs or parts.publisher.num_under_way or parts.hooks.num_waiting
        if self._once and self._inbox_is_empty and not is_busy and parts.mailbox.empty():
            self._stop()

    # ---- configuration -----------------------------------------------------------------------------

    def _on_config_read(self, message: ConfigRead) -> None:
        parts, faults = self._parts, tuple[str, ...]()
        if isinstance(message.outcome, BadConfig):
            faults = tuple(str(fault) for fault in message.outcome.faults)
        else:
            config, deployment = message.outcome
            try:
                parts.logs.change(config.log)
            except BadLogFile as error:
                parts.reloader.reject()
                faults = (str(error),)
            else:
                parts.reloader.adopt(deployment, config)
                parts.arrivals.adopt(config)
                parts.metrics.path = config.metrics.textfile
                parts.hooks.command = config.hooks.published
                parts.listening.adopt(config.quality.recogniser)
                self._adopt(deployment)
        for fault in faults:
            _log.error("[Main] the configuration is unchanged: %s", fault)
            parts.status.add_error("reload", fault)
        parts.status.config_read(message.read_at, faults)
        parts.notifier.reloaded()

    def _on_gpus_changed(self, message: GpusChanged) -> None:
        for change in message.messages:
            _log.warning("[Main] %s", change)
            self._parts.status.add_error("GPUs", change)
        self._parts.reloader.adopt(message.deployment)
        self._adopt(message.deployment, told=message.messages)

    def _adopt(self, deployment: Deployment, told: tuple[str, ...] = ()) -> None:
        self._parts.controller.adopt(deployment)
        log_plan(deployment, told)
        self._parts.controller.apply(PlanChanged(deployment.pool_plan))
