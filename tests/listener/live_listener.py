"""A real listener process behind a real Pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from fishd.pool.pool import Pool, WorkerExited, WorkerMessage
from fishd.pool.program import LISTENER
from fishd.wire.listen import Heard, Listen, ListenError, LoadListener
from fishd.wire.messages import Ready
from tests.listener.material import Recorded
from tests.shell.cli import LIMIT_S, ROOT

ENV = {"PYTHONPATH": str(ROOT)}


class LiveListener:
    """One listener; every wait fails after LIMIT_S."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.posted: asyncio.Queue[WorkerMessage | WorkerExited] = asyncio.Queue()
        self.pool = Pool(group, LISTENER, self.posted.put_nowait)

    def start(self, recogniser: Path) -> None:
        self.pool.start(LoadListener(0, str(recogniser)), ENV)

    async def start_ready(self, recogniser: Path) -> Ready:
        self.start(recogniser)
        ready = await self.receive()
        assert isinstance(ready, Ready)
        return ready

    async def hear(self, clip: Path, speaker: Recorded, *texts: str, **settings: object) -> Heard:
        """What is heard in a clip of the speaker; `settings` as of Listen, the text is the speaker's."""
        answer = await self.ask(clip, speaker, *texts, **settings)
        assert isinstance(answer, Heard), answer
        return answer

    async def ask(
        self, clip: Path, speaker: Recorded, *texts: str, language: str = "en", **settings: object
    ) -> Heard | ListenError:
        request = Listen("1", str(clip), texts or (speaker.text,), language, speaker.voice, **settings)
        self.pool.send(0, request)
        return await self.receive()

    async def receive(self) -> object:
        posted = await self._next()
        assert isinstance(posted, WorkerMessage), posted
        return posted.message

    async def exited(self) -> WorkerExited:
        posted = await self._next()
        assert isinstance(posted, WorkerExited), posted
        return posted

    async def _next(self) -> WorkerMessage | WorkerExited:
        async with asyncio.timeout(LIMIT_S):
            return await self.posted.get()


def run(scenario: Callable[[LiveListener], Awaitable[None]]) -> None:
    """Run a scenario, and kill the listener that is left at its end."""

    async def run_and_clean_up() -> None:
        async with asyncio.TaskGroup() as group:
            listener = LiveListener(group)
            await scenario(listener)
            listener.pool.kill(0, "the scenario is over")

    asyncio.run(run_and_clean_up())
