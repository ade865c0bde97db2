"""A command's own worker process: start it, ask it questions, stop it.

Audio and engines are never loaded into the command's process. A decoder or an engine that crashes takes its
worker with it, and the command reports which question was left unanswered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

from fishd.pool.child import Child, describe_exit
from fishd.pool.program import WORKER
from fishd.wire.channel import BadFrame, EndOfStream
from fishd.wire.messages import (
    CheckOptions,
    FromWorker,
    Inspect,
    Inspected,
    Message,
    OptionsChecked,
    Stop,
    WorkerFault,
)

ANSWER_LIMIT_S = 90.0
STOP_LIMIT_S = 10.0
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": ""}

Question = Inspect | CheckOptions
Answer = Inspected | OptionsChecked
M = TypeVar("M", bound=Message)


class WorkerLost(Exception):  # noqa: N818 - reads as what it is
    """The worker exited, reported a fault or did not answer in time; `kind` is WorkerFault's, or ""."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


class SingleWorker:
    """A running worker process, as an async context manager; `env` is added to our own environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        # The mutable state.
        self._last_line = ""
        self._exit_status: int | None = None

    async def __aenter__(self) -> Self:
        try:
            self._child = await Child[FromWorker].start(WORKER, self._env, self._on_line)
        except OSError as error:
            raise WorkerLost(f"the process cannot be started: {error}") from error
        self._exit = asyncio.create_task(self._child.exited())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.send(Stop())
                with contextlib.suppress(WorkerLost):
                    while True:
                        await self._next(STOP_LIMIT_S)
        finally:
            self._child.kill()
            await self._reap()

    @property
    def pid(self) -> int:
        return self._child.pid

    def send(self, message: Message) -> None:
        self._child.send(message)

    async def ask(self, question: Message, kind: type[M], limit_s: float) -> M:
        """Send a message and wait for its answer. Raises WorkerLost."""
        self.send(question)
        return await self.receive(kind, limit_s=limit_s)

    async def receive(self, *kinds: type[M], limit_s: float) -> M:
        """The next message of these kinds, while any arrive within `limit_s`. Raises WorkerLost."""
        while True:
            message = await self._next(limit_s)
            if isinstance(message, kinds):
                return message
            if isinstance(message, WorkerFault):
                raise WorkerLost(message.reason or message.kind, message.kind)

    async def _next(self, limit_s: float) -> FromWorker:
        try:
            async with asyncio.timeout(limit_s):
                return await self._child.receive()
        except TimeoutError as error:
            raise WorkerLost(f"no answer within {limit_s:g} s") from error
        except BadFrame as error:
            raise WorkerLost(f"invalid message: {error}") from error
        except EndOfStream as error:
            raise WorkerLost(self._describe(await self._reap())) from error

    async def _reap(self) -> int:
        if self._exit_status is None:
            self._exit_status = await self._child.reap()
            self._exit.cancel()
        return self._exit_status

    def _describe(self, status: int) -> str:
        detail = f": {self._last_line}" if status > 0 and self._last_line else ""
        return describe_exit(status) + detail

    def _on_line(self, line: str) -> None:
        self._last_line = line


async def ask_each(
    questions: Sequence[Question], env: Mapping[str, str] = WITHOUT_GPU, limit_s: float = ANSWER_LIMIT_S
) -> list[Answer | WorkerLost]:
    """The answer to each question, in order; a WorkerLost for one that ended its worker.

    One worker answers them all; after a lost one, a new worker continues with the next question.
    """
    answers: list[Answer | WorkerLost] = []
    while len(answers) < len(questions):
        try:
            async with SingleWorker(env) as worker:
                for question in questions[len(answers) :]:
                    worker.send(question)
                    answers.append(await worker.receive(Inspected, OptionsChecked, limit_s=limit_s))
        except WorkerLost as lost:
            answers.append(lost)
    return answers
