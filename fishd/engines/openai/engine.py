"""The openai engine: every take in flight is an asyncio task, and a step lets them run for a moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from fishd.engines.openai import audio
from fishd.engines.openai.api_key import ApiKey, read_key
from fishd.engines.openai.client import Client, TooLarge
from fishd.engines.openai.faults import ServerBusy, TakeFault
from fishd.engines.openai.options import Settings
from fishd.engines.openai.reference import References
from fishd.engines.openai.retries import Backoff, with_retries
from fishd.engines.openai.server_check import check_server
from fishd.engines.openai.speech_request import Request, speech_request
from fishd.engines.protocol import Failed, Spoken, Take

STEP_S = 0.05  # a step ends earlier when a take ends; a take that may start waits as long


def load_engine(settings: Settings, backoff: Backoff | None = None) -> OpenAIEngine:
    """Read the key, check the server, and return the engine; raises EngineError."""
    backoff = backoff or Backoff()
    key = read_key(settings.api_key_file)
    with contextlib.ExitStack() as undo:
        loop = asyncio.new_event_loop()
        undo.callback(loop.close)
        client = Client(settings, key)
        undo.callback(lambda: loop.run_until_complete(client.close()))
        settings = replace(settings, model=loop.run_until_complete(check_server(client, settings, backoff)))
        undo.pop_all()
    return OpenAIEngine(settings, client, loop, backoff, tuple(_notes(settings, key)))


class OpenAIEngine:
    """See fishd.engines.protocol. The loop runs only inside `step`, `drop` and `close`: one thread in all."""

    name = "openai"

    def __init__(
        self,
        settings: Settings,
        client: Client,
        loop: asyncio.AbstractEventLoop,
        backoff: Backoff,
        notes: tuple[str, ...],
    ) -> None:
        self.sample_rate = settings.sample_rate
        self.capacity = settings.concurrency
        self.notes = notes
        self._settings = settings
        self._client = client
        self._loop = loop
        self._backoff = backoff
        # The mutable state.
        self._references = References()
        self._tasks: dict[str, asyncio.Task[Spoken | Failed]] = {}

    def start(self, take: Take) -> None:
        assert len(self._tasks) < self.capacity, "start above capacity"
        self._tasks[take.id] = self._loop.create_task(self._speak(take))

    def step(self) -> list[Spoken | Failed]:
        """Raises EngineError if the server refuses the key, or is not the one that was checked at start."""
        if not self._tasks:
            return []
        self._run_until_one_ends(*self._tasks.values())
        ended = [take_id for take_id, task in self._tasks.items() if task.done()]
        return [self._tasks.pop(take_id).result() for take_id in ended]

    def drop(self, take_id: str) -> None:
        """Cancelling closes the connection, and the servers stop speaking."""
        task = self._tasks.pop(take_id)
        task.cancel()
        self._run_until_one_ends(task)

    def close(self) -> None:
        if self._loop.is_closed():
            return
        for take_id in tuple(self._tasks):
            self.drop(take_id)
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    def _run_until_one_ends(self, *tasks: asyncio.Task[Spoken | Failed]) -> None:
        first = asyncio.wait(tasks, timeout=STEP_S, return_when=asyncio.FIRST_COMPLETED)
        self._loop.run_until_complete(first)

    async def _speak(self, take: Take) -> Spoken | Failed:
        try:
            request = speech_request(self._settings, take, self._references.wav_of(take.voice))
            attempt = partial(self._attempt, request, take)
            return await with_retries(attempt, self._settings.retry_s, self._backoff)
        except TakeFault as fault:
            return Failed(take.id, str(fault), fault.retry)
        except ServerBusy as fault:
            return Failed(take.id, str(fault), retry=True)

    async def _attempt(self, request: Request, take: Take) -> Spoken:
        try:
            body = await self._client.fetch(request, audio.max_bytes(take.limit_s), self._settings.timeout_s)
        except TooLarge as fault:
            raise audio.too_long(take.limit_s) from fault
        try:
            return Spoken(take.id, audio.decode(body, self.sample_rate, take.limit_s))
        except audio.NotAudio as fault:
            said = self._client.message_in(body) if body[:1] in (b"{", b"<") else ""
            what = f"the server answered 200 with {len(body)} bytes that are not audio"
            raise TakeFault(f"{what}: {said}" if said else what, retry=True) from fault


def _notes(settings: Settings, key: ApiKey) -> Iterator[str]:
    model = settings.model or "its model"
    yield f"{model} at {settings.root}, {settings.concurrency} requests at once"
    if key.is_shared:
        yield f"{settings.api_key_file} can be read by every user; chmod 600 protects the key"
    if key.value and settings.root.startswith("http://"):
        yield "the key is sent without encryption; use https:// unless the network is yours"
