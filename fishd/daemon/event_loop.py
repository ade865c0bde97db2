"""The daemon: everything that happens comes into one mailbox; the dispatcher decides; the hands act.

One task takes the mail out, one letter after the other, so the state behind it needs no lock. The other
tasks only bring mail: the arrivals (inbox), the keeper (journals), the publisher, one per worker process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time

import msgspec

from fishd.core.config.config import BadConfig, Config, engine_key
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import JobArrived, PlanChanged, StopRequested, Tick, WorkerGone
from fishd.core.model.job import JobStatus
from fishd.core.model.result import Status
from fishd.daemon.announce import log_job_arrived, log_plan
from fishd.daemon.clock import rfc3339
from fishd.daemon.config.config_watch import ConfigWatch
from fishd.daemon.config.gpu_watch import GpuWatch
from fishd.daemon.config.reload import ConfigReloader, Environment
from fishd.daemon.control_socket import ControlSocket
from fishd.daemon.controller import Controller
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.executor import ActionExecutor
from fishd.daemon.intake.arrivals import Arrivals
from fishd.daemon.intake.job_loader import JobLoader
from fishd.daemon.journal_writer import JournalWriter
from fishd.daemon.mailbox import ConfigRead, GpusChanged, InboxScanned, MailboxMessage, ProblemReported
from fishd.daemon.pool_plan import Deployment
from fishd.daemon.publishing.publisher import Finished, PublishAbandoned, Published, Publisher
from fishd.daemon.status.status import StatusBuilder
from fishd.daemon.status.status_publisher import StatusPublisher
from fishd.daemon.watchdog import Heartbeat, Watchdog
from fishd.daemon.worker_events import WorkerEvents
from fishd.host.log.logs import BadLogFile, Logs
from fishd.host.metrics import Metrics
from fishd.host.systemd import Notifier
from fishd.pool.pool import Pool, WorkerExited, WorkerMessage
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.outbox.reuse import reuse_secret
from fishd.spool.root import Spool
from fishd.spool.work_folder import OUT
from fishd.wire.control import CONTROL

_log = logging.getLogger("fishd.main")
MARGIN_S = 10.0  # beyond drain_s, for the last publish


class Daemon:
    """One spool's daemon. `run` returns the exit code."""

    def __init__(
        self, config: Config, spool: Spool, logs: Logs, around: Environment, *, once: bool = False
    ) -> None:
        self._spool = spool
        self._logs = logs
        self._once = once
        self._notifier = Notifier(around.environ)
        self._mail: asyncio.Queue[MailboxMessage] = asyncio.Queue()
        self._pulse = Watchdog(self._notifier, self._mail.put_nowait)
        self._metrics = Metrics(config.metrics.textfile)
        # The mutable state, all of it owned by the mailbox task.
        self._reloading = ConfigReloader(config, around, spool.root / ".cache", self._our_pids)
        self._all_well = True
        self._gave_up = False
        self._inbox_empty = False

    async def run(self) -> int:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        hiring = await self._reloading.plan_initial()
        log_plan(hiring)
        self._dispatcher = Dispatcher(hiring.pool_plan)
        async with asyncio.TaskGroup() as group:
            tasks = self._set_up(group, hiring)
            await self._serve()
            for task in tasks:
                task.cancel()
        self._showing.save(msgspec.structs.replace(self._look(), state="stopped"))
        unfinished = len(self._dispatcher.jobs)
        if unfinished:
            _log.info("[Main] stopped; what is unfinished (%d jobs) is resumed at the next start", unfinished)
        return 1 if self._gave_up or (self._once and (unfinished or not self._all_well)) else 0

    def _set_up(self, group: asyncio.TaskGroup, hiring: Deployment) -> list[asyncio.Task[None]]:
        """Every part of the house, and the tasks that run beside the mailbox."""
        spool, post = self._spool, self._mail.put_nowait
        self._pool = Pool(group, post)
        secret = reuse_secret(spool.root / ".cache")
        self._faults = faults = DiskErrorTracker(self._trouble)
        self._keeper = JournalWriter(spool, faults, post)
        self._publisher = Publisher(spool, self._logs.jobs, group, faults, post, secret=secret)
        self._publisher.adopt_engine(engine_key(self._reloading.config.engine))
        voices = ReferenceStore(spool.root / ".references")
        desk = JobLoader(self._reloading.config, spool, voices, secret)
        self._arrivals = Arrivals(desk, self._publisher, faults, post)
        self._hands = ActionExecutor(
            spool.work, self._pool, self._publisher, voices, hiring, trouble=self._trouble
        )
        self._controller = Controller(self._dispatcher, self._hands, post)
        self._hearing = WorkerEvents(
            self._controller, self._keeper, faults, ready=self._notifier.ready, lost=self._lost
        )
        self._observer = StatusBuilder(rfc3339(time.time()), hiring.engine, str(spool.root), self._pool.pid)
        self._showing = StatusPublisher(
            spool.status_path, self._logs, self._notifier, self._metrics, self._look
        )
        self._cards = GpuWatch(lambda: self._reloading.check_gpus(post))
        self._listen_to_signals(group)
        self._controller.apply(Tick())
        runs = {
            "keeper": self._keeper.run(),
            "arrivals": self._arrivals.run(),
            "showing": self._showing.run(),
            "control": ControlSocket(spool.root / CONTROL, self._asked_to_cancel).run(),
            "cards": self._cards.run(),
            "config watch": ConfigWatch(self._reloading.config.source, lambda: self._ask_reload(group)).run(),
        }
        self._pulse.start()
        return [group.create_task(run, name=name) for name, run in runs.items()]

    def _listen_to_signals(self, group: asyncio.TaskGroup) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._mail.put_nowait, StopRequested())
        self._loop.add_signal_handler(signal.SIGHUP, self._ask_reload, group)

    async def _serve(self) -> None:
        """The mailbox: until everything that had to end has ended."""
        while not (self._hands.exit and not self._publisher.num_under_way):
            mail = await self._mail.get()
            self._open(mail)
            if not isinstance(mail, Heartbeat):  # by which nothing has changed
                self._showing.mark_changed()
            self._see_whether_done()

    # ---- mail --------------------------------------------------------------------------------------

    def _open(self, mail: MailboxMessage) -> None:
        match mail:
            case WorkerMessage():
                self._hearing.on_message(mail.worker, mail.message)
            case WorkerExited():
                self._keeper.enqueue(WorkerGone(mail.worker, mail.kind, mail.reason, mail.needs_gb))
            case Published():
                self._published(mail)
            case Finished():
                pass
            case PublishAbandoned():
                self._all_well = False
            case InboxScanned():
                self._inbox_empty = mail.waiting == 0
                self._observer.waiting = mail.waiting
            case ConfigRead():
                self._reloaded(mail)
            case GpusChanged():
                self._cards_changed(mail)
            case ProblemReported():
                self._trouble(mail.where, mail.what)
            case JobArrived():
                self._arrive(mail)
            case WorkerGone():
                self._hearing.on_exit(mail)
            case StopRequested():
                self._stop()
            case Heartbeat():
                self._pulse.on_heartbeat(is_loading=bool(self._dispatcher.workers.by_id))
            case _:
                self._controller.apply(mail)

    def _arrive(self, event: JobArrived) -> None:
        self._logs.jobs.open_job(event.name, self._spool.work / event.name / OUT / "job.log")
        crew = self._dispatcher.workers
        is_one_engine = all(w.generation == crew.plan.generation for w in crew.by_id.values())
        self._publisher.expect(event.name, is_fresh=event.is_fresh and is_one_engine)
        log_job_arrived(event)
        self._controller.apply(event)

    def _lost(self, event: WorkerGone) -> None:
        """A worker that nobody had asked to end."""
        self._trouble(f"worker {event.worker}", event.reason)
        self._cards.check_soon()
        self._metrics.worker_gone(event.kind)

    def _published(self, mail: Published) -> None:
        _log.info("[Main] %s is in %s", mail.job, mail.path)
        self._observer.add_result(mail.result)
        self._metrics.published(mail.result)
        self._all_well = self._all_well and mail.result.status is JobStatus.DONE

    def _stop(self) -> None:
        if self._dispatcher.stopping_since is None:
            _log.info("[Main] stopping: no new takes; those in hand are finished")
            self._notifier.stopping()
            self._notifier.extend_timeout(self._reloading.config.pool.drain_s + MARGIN_S)
            self._arrivals.stop()
            self._keeper.stop()
            self._publisher.stop()
        self._controller.apply(StopRequested())

    def _trouble(self, where: str, what: str) -> None:
        self._observer.add_error(rfc3339(time.time()), where, what)

    def _asked_to_cancel(self, job: str) -> bool:
        """Over the control socket: whether there is such a job."""
        if job not in self._dispatcher.jobs:
            return False
        _log.info("[Main] %s is cancelled on request", job, extra={"job": job})
        self._keeper.job_cancelled(job, rfc3339(time.time()))
        return True

    def _see_whether_done(self) -> None:
        """Stop when nothing is left to do (`--once`), or nothing can be done and somebody waits for that."""
        if self._dispatcher.stopping_since is not None:
            return
        is_awaited = self._once or (self._notifier.is_heard and not self._notifier.is_ready)
        if is_awaited and self._dispatcher.workers.is_stuck:
            _log.error("[Main] no worker can be started: what was claimed is resumed at the next start")
            self._gave_up = True
            self._stop()
            return
        busy = not self._dispatcher.is_idle or self._publisher.num_under_way or not self._mail.empty()
        if self._once and self._inbox_empty and not busy:
            self._stop()

    # ---- configuration -----------------------------------------------------------------------------

    def _our_pids(self) -> list[int]:
        pids = (self._pool.pid(worker) for worker in self._dispatcher.workers.by_id)
        return [pid for pid in pids if pid is not None]

    def _ask_reload(self, group: asyncio.TaskGroup) -> None:
        self._notifier.reloading()
        group.create_task(self._reloading.reload(self._mail.put_nowait), name="reload")

    def _reloaded(self, mail: ConfigRead) -> None:
        faults: tuple[str, ...] = ()
        if isinstance(mail.outcome, BadConfig):
            faults = tuple(str(fault) for fault in mail.outcome.faults)
        else:
            try:
                self._adopt(*mail.outcome)
            except BadLogFile as error:
                self._reloading.reject()
                faults = (str(error),)
        for fault in faults:
            _log.error("[Main] the configuration stays as it was: %s", fault)
            self._trouble("reload", fault)
        self._observer.config_read(mail.read_at, faults)
        self._notifier.reloaded()

    def _adopt(self, config: Config, hiring: Deployment) -> None:
        """Everything but the spool's root changes in place; nothing if the log cannot. Raises BadLogFile."""
        self._logs.change(config.log)
        self._reloading.adopt(config, hiring)
        self._arrivals.adopt(config)
        self._publisher.adopt_engine(engine_key(config.engine))
        self._metrics.path = config.metrics.textfile
        self._carry_out(hiring)

    def _cards_changed(self, mail: GpusChanged) -> None:
        for words in mail.messages:
            _log.warning("[Main] %s", words)
            self._trouble("GPUs", words)
        self._reloading.deployment = mail.deployment
        self._carry_out(mail.deployment)

    def _carry_out(self, hiring: Deployment) -> None:
        """Another plan is in force."""
        self._hands.adopt(hiring)
        log_plan(hiring)
        self._controller.apply(PlanChanged(hiring.pool_plan))

    def _look(self) -> Status:
        now, at = self._loop.time(), rfc3339(time.time())
        hands = self._hands
        return self._observer.snapshot(self._dispatcher, self._reloading.gpus, hands.device_names, at, now)


def run(daemon: Daemon) -> int:
    """Run a daemon on a loop of its own."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")  # what a worker prints is seen when it prints it
    return asyncio.run(daemon.run())
