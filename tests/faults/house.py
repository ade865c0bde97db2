"""Real worker processes behind a real Pool, with the no-op engine, for tests to break."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil

from fishd.pool.pool import Pool, WorkerExited, WorkerMessage
from fishd.wire.messages import Load, Message, Ready, Speak

ROOT = Path(__file__).parents[2]
ENV = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
LIMIT_S = 60.0

M = TypeVar("M", bound=Message)


class House:
    """A pool and its mailbox. Every wait ends when what it waits for comes, or fails after a long while."""

    def __init__(self, group: asyncio.TaskGroup, folder: Path) -> None:
        self.mail: asyncio.Queue[WorkerMessage | WorkerExited] = asyncio.Queue()
        self.pool = Pool(group, self.mail.put_nowait)
        self.lines: asyncio.Queue[str] = asyncio.Queue()  # what workers print
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

    async def ready(self, **options: object) -> int:
        worker = self.start(**options)
        await self.hear(Ready)
        return worker

    def speak(self, worker: int, text: str, take: str = "1") -> None:
        clip = self.folder / f"{take}.wav"
        self.pool.send(
            worker, Speak(take, "voice", (), "What is said.", "en", text, "en", 7, 10.0, str(clip), {})
        )

    async def next(self) -> WorkerMessage | WorkerExited:
        async with asyncio.timeout(LIMIT_S):
            return await self.mail.get()

    async def hear(self, kind: type[M]) -> M:
        """The next message of this kind; others are passed over, an end is not."""
        while True:
            mail = await self.next()
            assert isinstance(mail, WorkerMessage), f"{mail} instead of {kind.__name__}"
            if isinstance(mail.message, kind):
                return mail.message

    async def ended(self) -> WorkerExited:
        """The next end of a worker; what it says before is passed over."""
        while True:
            mail = await self.next()
            if isinstance(mail, WorkerExited):
                return mail

    async def printed(self, line: str) -> None:
        """Wait until some worker has printed this line."""
        async with asyncio.timeout(LIMIT_S):
            while line not in await self.lines.get():
                pass

    def process(self, worker: int) -> psutil.Process:
        pid = self.pool.pid(worker)
        assert pid is not None
        return psutil.Process(pid)


def play(folder: Path, story: Callable[[House], Awaitable[None]]) -> None:
    """Run a story in a house of its own; all workers that are left in the end are ended."""

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            house = House(group, folder)
            with listening(house):
                await story(house)
            for worker in range(100):
                house.pool.kill(worker, "the story is over")

    asyncio.run(run())


@contextlib.contextmanager
def listening(house: House) -> Iterator[None]:
    """What the pool logs of its workers goes to `house.lines` too."""
    log, handler = logging.getLogger("fishd.worker"), logging.Handler()
    handler.emit = lambda record: house.lines.put_nowait(record.getMessage())
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
