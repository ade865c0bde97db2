"""The hands: carry out what the dispatcher orders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import assert_never

from fishd.core.dispatch import actions
from fishd.daemon.pool_plan import Deployment
from fishd.daemon.publishing.publisher import Publisher
from fishd.pool.pool import Pool
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.work_folder import OUT
from fishd.wire import messages

_log = logging.getLogger("fishd.main")


class ActionExecutor:
    """Owns the orders that are out; `trouble` is told what the operator should see."""

    def __init__(
        self,
        work: Path,
        pool: Pool,
        publisher: Publisher,
        voices: ReferenceStore,
        hiring: Deployment,
        *,
        trouble: Callable[[str, str], None],
    ) -> None:
        self._work = work
        self._pool = pool
        self._publisher = publisher
        self._voices = voices
        self._trouble = trouble
        # The mutable state.
        self.deployment = hiring
        self.device_names: dict[str, str] = {}
        self.orders: dict[str, actions.SendTake] = {}
        self.exit = False
        self.adopt(hiring)

    def adopt(self, hiring: Deployment) -> None:
        """From now on workers are started like this."""
        self.deployment = hiring
        self.device_names |= {device.id: device.name for device in hiring.devices.values()}

    def execute(self, action: actions.Action) -> None:
        """One order."""
        match action:
            case actions.StartWorker():
                load = self.deployment.load(action.worker, action.device)
                self._pool.start(load, self.deployment.env(action.device))
            case actions.DrainWorker():
                self._pool.send(action.worker, messages.Stop())
            case actions.KillWorker():
                _log.warning("[Worker %d] is ended: %s", action.worker, action.reason)
                self._pool.kill(action.worker, action.reason)
            case actions.InspectReference():
                limits = self.deployment.limits
                self._pool.send(action.worker, messages.Inspect.within(limits, action.check, action.path))
            case actions.ValidateOptions():
                question = messages.CheckOptions(action.check, dict(action.options), action.languages)
                self._pool.send(action.worker, question)
            case actions.SendTake():
                self.orders[action.take] = action
                self._pool.send(action.worker, speak_message(action, self._work / action.job.name))
            case actions.DropTake():
                self._pool.send(action.worker, messages.CancelTake(action.take))
            case actions.FinishJob():
                self._voices.release(action.outcome.name)
                self._publisher.publish(action.outcome, self.device_names)
            case actions.LogMessage():
                self._say(action)
            case actions.Exit():
                self.exit = True
            case _:  # pragma: no cover - pyright proves it is never reached
                assert_never(action)

    def _say(self, action: actions.LogMessage) -> None:
        bound: Mapping[str, str | int | None] = {"job": action.job, "worker": action.worker}
        level = logging.getLevelNamesMapping()[action.level.upper()]
        _log.log(level, "%s", action.text, extra={k: v for k, v in bound.items() if v is not None})
        if level >= logging.ERROR:
            said = action.text.removeprefix("[Main] ")
            self._trouble(action.job or "pool", said.removeprefix(f"{action.job}: "))


def speak_message(order: actions.SendTake, work: Path) -> messages.Speak:
    """The message for a take of the job in `work` (work/NAME)."""
    return messages.Speak(
        take=order.take,
        voice_key=order.speaker.voice_key,
        references=order.speaker.files,
        transcript=order.speaker.transcript,
        voice_language=order.speaker.language,
        text=order.segment.text,
        language=order.segment.language,
        seed=order.seed,
        limit_s=order.limit_s,
        clip=str(work / OUT / order.segment.clip),
        options=dict(order.job.engine_options),
    )
