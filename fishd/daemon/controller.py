"""Applies events to the dispatcher and executes the actions that follow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from fishd.core.dispatch import actions
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import Event, Tick
from fishd.daemon.journal_writer import JournalWriter
from fishd.daemon.listening.take_listening import TakeListening
from fishd.daemon.pool_plan import Deployment
from fishd.daemon.publishing.publisher import Publisher
from fishd.pool.pool import WorkerPool
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.work_folder import OUT
from fishd.wire import messages

_log = logging.getLogger("fishd.main")


class Controller:
    """Called by the mailbox task only. `post` gets a Tick when a deadline of the dispatcher is due."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        deployment: Deployment,
        *,
        work: Path,
        pool: WorkerPool,
        journal: JournalWriter,
        publisher: Publisher,
        references: ReferenceStore,
        listening: TakeListening,
        post: Callable[[Tick], None],
        report_error: Callable[[str, str], None],
    ) -> None:
        """To be called in a running loop. `report_error` takes what `fishd status` is to show."""
        self.dispatcher = dispatcher
        self._work = work
        self._pool = pool
        self._journal = journal
        self._publisher = publisher
        self._references = references
        self._listening = listening
        self._post = post
        self._report_error = report_error
        self._loop = asyncio.get_running_loop()
        # The mutable state.
        self.deployment = deployment
        self.device_names: dict[str, str] = {}
        self.has_exited = False
        self._timer: asyncio.TimerHandle | None = None
        self.adopt(deployment)

    def adopt(self, deployment: Deployment) -> None:
        """Start workers by this deployment from now on."""
        self.deployment = deployment
        self.device_names |= {device.id: device.name for device in deployment.devices.values()}

    def apply(self, event: Event) -> None:
        for action in self.dispatcher.handle(event, self._loop.time()):
            self._execute(action)
        self._arm_timer()

    def _execute(self, action: actions.Action) -> None:
        match action:
            case actions.StartWorker():
                load = self.deployment.load(action.worker, action.device)
                self._pool.start_on(self.deployment.devices[action.device], load)
            case actions.DrainWorker():
                self._pool.send(action.worker, messages.Stop())
            case actions.KillWorker():
                _log.warning("[Worker %d] killed: %s", action.worker, action.reason)
                self._pool.kill(action.worker, action.reason)
            case actions.InspectReference():
                inspect = messages.Inspect.within(self.deployment.limits, action.check, action.path)
                self._pool.send(action.worker, inspect)
            case actions.ValidateOptions():
                check = messages.CheckOptions(action.check, dict(action.options), action.languages)
                self._pool.send(action.worker, check)
            case actions.SendTake():
                self._pool.send(action.worker, speak_message(action, self._work / action.job.name))
            case actions.DropTake():
                self._pool.send(action.worker, messages.CancelTake(action.take))
            case actions.RecordFailure():
                self._journal.record_failure(action)
            case actions.ListenToTake():
                self._listening.ask(action)
            case actions.ForgetTakes():
                self._listening.forget(action.job)
            case actions.FinishJob():
                self._references.release(action.outcome.name)
                self._publisher.publish(action.outcome, self.device_names)
            case actions.LogMessage():
                self._write_log(action)
            case actions.Exit():
                self.has_exited = True
            case _:  # pragma: no cover - pyright proves it is never reached
                assert_never(action)

    def _write_log(self, action: actions.LogMessage) -> None:
        bound: dict[str, str | int | None] = {"job": action.job, "worker": action.worker}
        level = logging.getLevelNamesMapping()[action.level.upper()]
        _log.log(level, "%s", action.text, extra={k: v for k, v in bound.items() if v is not None})
        if level >= logging.ERROR:
            text = action.text.removeprefix("[Main] ")
            self._report_error(action.job or "pool", text.removeprefix(f"{action.job}: "))

    def _arm_timer(self) -> None:
        """Keep one timer that is never later than the next deadline; an early Tick does no harm."""
        deadline = self.dispatcher.next_deadline(self._loop.time())
        if self._timer is not None:
            if deadline is None or self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._post(Tick())


def speak_message(order: actions.SendTake, work: Path) -> messages.Speak:
    """The message for a take of the job in `work` (work/NAME)."""
    speaker, segment = order.speaker, order.segment
    return messages.Speak(
        take=order.take,
        voice_key=speaker.voice_key,
        references=speaker.files,
        transcript=speaker.transcript,
        voice_language=speaker.language,
        text=segment.speech,
        language=segment.language,
        seed=order.seed,
        limit_s=order.limit_s,
        clip=str(work / OUT / order.clip),
        options=dict(order.job.engine_options),
        measure=order.job.quality.checks_signal,
    )
