"""Real worker processes behind a real Pool, with the no-op engine, for tests to break."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil

from fishd.pool.pool import Pool, WorkerExited, WorkerMessage
from fishd.pool.program import WORKER
from fishd.wire.messages import Load, Message, Ready, Speak
from tests.shell.cli import LIMIT_S, ROOT

ENV = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

M = TypeVar("M", bound=Message)


class LiveWorkers:
    """A pool and the messages that it posts. Every wait fails after LIMIT_S."""

    def __init__(self, group: asyncio.TaskGroup, folder: Path) -> None:
        self.posted: asyncio.Queue[WorkerMessage | WorkerExited] = asyncio.Queue()
        self.pool = Pool(group, WORKER, self.posted.put_nowait)
        self.lines: asyncio.Queue[str] = asyncio.Queue()  # printed by workers
        self.folder = folder
        self._next_worker = 0

    def start(
        self,
        *,
        engine: str = "tests.engines.noop:factory",
        env: dict[str, str] | None = None,
        **options: object,
    ) -> int:
        worker, self._next_worker = self._next_worker, self._next_worker + 1
        self.pool.start(Load(worker, engine, "cpu", options), {**ENV, **(env or {})})
        return worker

    async def start_ready(self, **options: Any) -> int:
        """`options` as of `start`."""
        worker = self.start(**options)
        await self.receive(Ready)
        return worker

    def speak(self, worker: int, text: str, take: str = "1", **options: object) -> None:
        clip = str(self.folder / f"{take}.wav")
        self.pool.send(
            worker, Speak(take, "voice", (), "The transcript.", "en", text, "en", 7, 10.0, clip, options)
        )

    async def receive(self, kind: type[M]) -> M:
        """The next message of this kind; others are skipped, but not an exit."""
        while True:
            posted = await self._next()
            assert isinstance(posted, WorkerMessage), f"{posted} instead of {kind.__name__}"
            if isinstance(posted.message, kind):
                return posted.message

    async def exited(self) -> WorkerExited:
        """The next exit of a worker; messages before it are skipped."""
        while True:
            posted = await self._next()
            if isinstance(posted, WorkerExited):
                return posted

    async def printed(self, line: str) -> None:
        """Wait until some worker has printed this line."""
        async with asyncio.timeout(LIMIT_S):
            while line not in await self.lines.get():
                pass

    def process(self, worker: int) -> psutil.Process:
        pid = self.pool.pid(worker)
        assert pid is not None
        return psutil.Process(pid)

    async def _next(self) -> WorkerMessage | WorkerExited:
        async with asyncio.timeout(LIMIT_S):
            return await self.posted.get()


def run(folder: Path, scenario: Callable[[LiveWorkers], Awaitable[None]]) -> None:
    """Run a scenario with a new pool, and kill the workers that are left at its end."""

    async def run_and_clean_up() -> None:
        async with asyncio.TaskGroup() as group:
            workers = LiveWorkers(group, folder)
            with collecting_lines(workers):
                await scenario(workers)
            for worker in range(100):
                workers.pool.kill(worker, "the scenario is over")

    asyncio.run(run_and_clean_up())


@contextlib.contextmanager
def collecting_lines(workers: LiveWorkers) -> Iterator[None]:
    """Put the log lines of the pool's workers into `workers.lines` too."""
    log, handler = logging.getLogger("fishd.worker"), logging.Handler()
    handler.emit = lambda record: workers.lines.put_nowait(record.getMessage())
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
