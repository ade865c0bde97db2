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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fishd.core import actions
from fishd.core.board import status_line
from fishd.core.config import BadConfig, Config
from fishd.core.dispatch import Dispatcher
from fishd.core.events import (
    Event,
    JobArrived,
    PlanChanged,
    QuestionAnswered,
    StopAsked,
    TakeFailed,
    Tick,
    WorkerGone,
    WorkerProgressed,
    WorkerReady,
)
from fishd.core.job import JobStatus
from fishd.core.result import Status
from fishd.core.sizing import Card
from fishd.daemon.arrivals import Arrivals
from fishd.daemon.clock import rfc3339
from fishd.daemon.hiring import Hiring, hire
from fishd.daemon.keeper import Keeper
from fishd.daemon.mail import Mail, Reloaded, Scanned, Trouble
from fishd.daemon.observer import Observer
from fishd.daemon.publisher import Published, Publisher
from fishd.host.gpus import Nvml, find_cards
from fishd.host.live import LiveLine
from fishd.host.logs import Logs
from fishd.host.status import write_status
from fishd.host.systemd import Notifier
from fishd.pool.pool import Ended, Heard, Pool
from fishd.spool.outbox import OUT
from fishd.spool.root import Spool
from fishd.wire import messages

_log = logging.getLogger("fishd.main")
STATUS_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the daemon finds around it; tests put their own in."""

    nvml: Nvml
    environ: Mapping[str, str]
    reload: Callable[[], Config]


class Daemon:
    """One spool's daemon. `run` returns the exit code."""

    def __init__(
        self, config: Config, spool: Spool, logs: Logs, around: Surroundings, *, once: bool = False
    ) -> None:
        self._config = config
        self._spool = spool
        self._logs = logs
        self._around = around
        self._once = once
        self._mail: asyncio.Queue[Mail] = asyncio.Queue()
        self._notifier = Notifier(around.environ)
        # The mutable state, all of it owned by the mailbox task.
        self._cards: tuple[Card, ...] = self._find_cards()
        self._hiring = hire(config, self._cards, self._cache)
        self._dispatcher = Dispatcher(self._hiring.pool_plan)
        self._device_names = {d.id: d.name for d in self._hiring.devices.values()}
        self._orders: dict[str, actions.SendTake] = {}
        self._all_well = True
        self._inbox_empty = False
        self._announced = False
        self._exit = False
        self._timer: asyncio.TimerHandle | None = None
        self._dirty = asyncio.Event()

    @property
    def _cache(self) -> Path:
        return self._spool.root / ".cache"

    async def run(self) -> int:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        self._say_plan(self._hiring)
        try:
            async with asyncio.TaskGroup() as group:
                self._set_up(group)
                await self._serve()
                for task in self._background:
                    task.cancel()
        finally:
            self._write_status("stopped")
        unfinished = len(self._dispatcher.jobs)
        if unfinished:
            _log.info("[Main] stopped; %d jobs are resumed at the next start", unfinished)
        return 0 if self._all_well and not (self._once and unfinished) else 1

    def _set_up(self, group: asyncio.TaskGroup) -> None:
        spool, post = self._spool, self._mail.put_nowait
        self._pool = Pool(group, post)
        self._keeper = Keeper(spool.work, post)
        folders = (spool.work, spool.outbox, spool.archive)
        self._publisher = Publisher(folders, self._logs.jobs, group, post)
        self._arrivals = Arrivals(self._config, spool, self._publisher, post)
        self._observer = Observer(rfc3339(time.time()), self._hiring.engine, str(spool.root), self._pool.pid)
        self._background = [
            group.create_task(self._keeper.run(), name="keeper"),
            group.create_task(self._arrivals.run(), name="arrivals"),
            group.create_task(self._show(), name="status"),
        ]
        if self._notifier.watchdog_s:
            self._background.append(group.create_task(self._feed_watchdog(), name="watchdog"))
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, post, StopAsked())
        self._loop.add_signal_handler(signal.SIGHUP, self._ask_reload, group)
        self._decide(Tick())

    async def _serve(self) -> None:
        """The mailbox: until everything that had to end has ended."""
        while not (self._exit and not self._publisher.num_under_way):
            self._open(await self._mail.get())
            self._dirty.set()
            self._see_whether_done()

    # ---- mail --------------------------------------------------------------------------------------

    def _open(self, mail: Mail) -> None:
        match mail:
            case Heard():
                self._hear(mail.worker, mail.message)
            case Ended():
                self._keeper.pass_on(WorkerGone(mail.worker, mail.kind, mail.reason))
            case Published():
                self._published(mail)
            case Scanned():
                self._inbox_empty = mail.waiting == 0
                self._observer.waiting = mail.waiting
            case Reloaded():
                self._reloaded(mail)
            case Trouble():
                self._trouble(mail.where, mail.what)
            case JobArrived():
                self._arrive(mail)
            case WorkerGone():
                self._worker_gone(mail)
            case StopAsked():
                self._stop()
            case _:
                self._decide(mail)

    def _hear(self, worker: int, message: messages.FromWorker) -> None:
        match message:
            case messages.Ready():
                self._say_ready(worker, message)
                self._decide(WorkerReady(worker, message.slots, message.engine, message.remark))
                self._decide(WorkerProgressed(worker, message.memory_gb))
            case messages.Inspected():
                faults = (message.fault,) if message.fault else ()
                self._decide(QuestionAnswered(worker, message.id, faults, message.warnings))
            case messages.OptionsChecked():
                self._decide(QuestionAnswered(worker, message.id, message.faults))
            case messages.Spoken():
                order = self._orders.get(message.take)
                if order is not None:
                    self._keeper.spoken(order, self._dispatcher.crew.workers[worker].device, message)
            case messages.Failed():
                self._keeper.pass_on(TakeFailed(worker, message.take, message.reason, message.retry))
            case messages.Progress():
                self._decide(WorkerProgressed(worker, message.memory_gb))
            case messages.Fault():
                pass  # the pool makes it the reason of the worker's end

    def _arrive(self, event: JobArrived) -> None:
        self._logs.jobs.open_job(event.name, self._spool.work / event.name / OUT / "job.log")
        if event.job is None:
            what = f"{len(event.faults)} faults found"
        else:
            what = f"{len(event.job.speakers)} speakers, {event.job.num_segments} segments"
        done = f", {len(event.clips)} of them spoken before" if event.clips else ""
        _log.info("[Main] Job %s: %s%s", event.name, what, done, extra={"job": event.name})
        self._decide(event)

    def _worker_gone(self, event: WorkerGone) -> None:
        worker = self._dispatcher.crew.workers.get(event.worker)
        if worker is not None:
            if worker.drained_at is None:
                self._trouble(f"worker {event.worker}", event.reason)
                _log.error("[Worker %d] gone: %s", event.worker, event.reason, extra={"worker": event.worker})
            for take in worker.takes:
                self._orders.pop(take, None)
        self._decide(event)

    def _published(self, mail: Published) -> None:
        self._observer.publishing.pop(mail.job, None)
        _log.info("[Main] %s is in %s", mail.job, mail.path)
        totals = self._observer.totals
        totals.jobs += 1
        totals.segments += mail.result.totals.done
        totals.audio_s = round(totals.audio_s + mail.result.totals.audio_s, 3)
        self._all_well = self._all_well and mail.result.status is JobStatus.DONE
        for fault in mail.result.errors[:3]:
            self._observer.note(mail.result.finished, f"{mail.job}: {fault.where}", fault.what)

    def _stop(self) -> None:
        if self._dispatcher.stopping_since is None:
            _log.info("[Main] stopping: no new takes; those in hand are finished")
            self._notifier.stopping()
            self._notifier.extend_timeout(self._config.pool.drain_s + 10)
            self._arrivals.stop()
        self._decide(StopAsked())

    def _trouble(self, where: str, what: str) -> None:
        self._observer.note(rfc3339(time.time()), where, what)

    # ---- decisions and deeds -----------------------------------------------------------------------

    def _decide(self, event: Event) -> None:
        """Tell the dispatcher, do what it says, and wake again when time alone would change something."""
        for action in self._dispatcher.handle(event, self._loop.time()):
            self._do(action)
        self._arm_timer()

    def _do(self, action: actions.Action) -> None:
        match action:
            case actions.StartWorker():
                load = self._hiring.load(action.worker, action.device)
                self._pool.start(load, self._hiring.env(action.device))
            case actions.DrainWorker():
                self._pool.send(action.worker, messages.Stop())
            case actions.KillWorker():
                _log.warning("[Worker %d] is ended: %s", action.worker, action.reason)
                self._pool.kill(action.worker, action.reason)
            case actions.AskClip():
                self._pool.send(action.worker, messages.Inspect(action.question, action.path))
            case actions.AskOptions():
                question = messages.CheckOptions(action.question, dict(action.options), action.languages)
                self._pool.send(action.worker, question)
            case actions.SendTake():
                self._orders[action.take] = action
                self._pool.send(action.worker, self._speak(action))
            case actions.ForgetTake():
                self._pool.send(action.worker, messages.Forget(action.take))
            case actions.FinishJob():
                self._publisher.publish(action.ending, self._device_names)
            case actions.Say():
                self._say(action)
            case actions.Exit():
                self._exit = True

    def _speak(self, order: actions.SendTake) -> messages.Speak:
        work = self._spool.work / order.job.name
        return messages.Speak(
            take=order.take,
            voice_key=order.speaker.voice_key,
            references=tuple(str(work / "bundle" / path) for path in order.speaker.references),
            transcript=order.speaker.transcript,
            voice_language=order.speaker.language,
            text=order.segment.text,
            language=order.segment.language,
            seed=order.seed,
            limit_s=order.limit_s,
            clip=str(work / OUT / order.segment.clip),
            options=dict(order.job.engine_options),
        )

    def _say(self, action: actions.Say) -> None:
        extra = {"job": action.job, "worker": action.worker}
        level = logging.getLevelNamesMapping()[action.level.upper()]
        _log.log(level, "%s", action.text, extra={k: v for k, v in extra.items() if v is not None})
        if level >= logging.ERROR:
            self._trouble(action.job or "pool", action.text.removeprefix("[Main] "))

    def _arm_timer(self) -> None:
        deadline = self._dispatcher.next_deadline(self._loop.time())
        if self._timer is not None:
            if deadline is not None and self._timer.when() <= deadline and not self._timer.cancelled():
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._mail.put_nowait(Tick())

    def _see_whether_done(self) -> None:
        """`--once`: stop when nothing is left to do, or nothing can be done."""
        if not self._once or self._dispatcher.stopping_since is not None:
            return
        if self._dispatcher.crew.stuck:
            _log.error("[Main] no worker can be started: what was claimed is resumed at the next start")
            self._all_well = False
        elif (
            not (self._inbox_empty and self._dispatcher.idle and self._mail.empty())
            or self._publisher.num_under_way
        ):
            return
        self._stop()

    # ---- configuration -----------------------------------------------------------------------------

    def _find_cards(self) -> tuple[Card, ...]:
        found = find_cards(self._around.nvml, self._around.environ)
        for remark in found.remarks:
            _log.info("[Main] %s", remark)
        return found.cards

    def _ask_reload(self, group: asyncio.TaskGroup) -> None:
        self._notifier.reloading()
        group.create_task(self._reload(), name="reload")

    async def _reload(self) -> None:
        try:
            outcome: Config | BadConfig = await asyncio.to_thread(self._around.reload)
        except BadConfig as fault:
            outcome = fault
        self._mail.put_nowait(Reloaded(outcome))

    def _reloaded(self, mail: Reloaded) -> None:
        if isinstance(mail.outcome, BadConfig):
            for fault in mail.outcome.faults:
                _log.error("[Main] the configuration stays as it was: %s", fault)
                self._trouble("reload", str(fault))
        else:
            self._adopt(mail.outcome)
        self._notifier.ready()

    def _adopt(self, config: Config) -> None:
        """Everything but the spool's root changes in place."""
        if config.spool.root != self._config.spool.root:
            _log.warning("[Main] spool.root is another now; that takes a restart")
        self._config = config
        self._cards = self._find_cards()
        self._hiring = hire(config, self._cards, self._cache, self._hiring)
        self._device_names |= {d.id: d.name for d in self._hiring.devices.values()}
        self._logs.change(config.log)
        self._arrivals.adopt(config)
        _log.info("[Main] the configuration was reloaded")
        self._say_plan(self._hiring)
        self._decide(PlanChanged(self._hiring.pool_plan))

    def _say_plan(self, hiring: Hiring) -> None:
        for line in hiring.plan.lines:
            _log.info("%s", line)
        for line in hiring.plan.warnings:
            _log.warning("[Main] %s", line)

    def _say_ready(self, worker: int, ready: messages.Ready) -> None:
        slots = f"{ready.slots} takes at once" if ready.slots > 1 else "one take at a time"
        _log.info("[Worker %d] ready: %s, %s, loaded in %.1f s", worker, ready.engine, slots, ready.load_s)
        for note in ready.notes:
            _log.info("[Worker %d] %s", worker, note)

    # ---- what is shown -----------------------------------------------------------------------------

    async def _show(self) -> None:
        """Keep status.json, the live line and systemd's status true, at most once a second."""
        with LiveLine(self._logs.console) as live:
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                status = self._look()
                live.update(status)
                self._notifier.status(status_line(status))
                self._announce()
                await self._save(status)
                await asyncio.sleep(STATUS_EVERY_S)

    def _look(self) -> Status:
        now, at = self._loop.time(), rfc3339(time.time())
        return self._observer.look(self._dispatcher, self._cards, self._device_names, at, now)

    async def _save(self, status: Status) -> None:
        try:
            await asyncio.to_thread(write_status, self._spool.status_path, status)
        except OSError as error:
            _log.debug("status.json cannot be written: %s", error)

    def _announce(self) -> None:
        """READY when the first workers are: a start that waits for it can then drop bundles."""
        crew = self._dispatcher.crew
        if not self._announced and (any(crew.ready()) or crew.stuck):
            self._announced = True
            self._notifier.ready()

    def _write_status(self, state: str) -> None:
        if hasattr(self, "_observer"):
            status = msgspec.structs.replace(self._look(), state=state)
            try:
                write_status(self._spool.status_path, status)
            except OSError as error:
                _log.debug("status.json cannot be written: %s", error)

    async def _feed_watchdog(self) -> None:
        """Through the mailbox's own loop: a loop that is stuck feeds nothing."""
        assert self._notifier.watchdog_s
        while True:
            self._notifier.watchdog()
            await asyncio.sleep(self._notifier.watchdog_s)


def run(daemon: Daemon) -> int:
    """Run a daemon on a loop of its own."""
    os.umask(0o027 if os.geteuid() == 0 else os.umask(0o022))
    return asyncio.run(daemon.run())
