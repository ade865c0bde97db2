"""The actor of one worker: it runs the worker process on its node and relays its messages.

The worker process is the same as on the daemon's machine, on the same socketpair. The actor gives it the
node's paths: reference clips come from the node's cache, and clips are written to a folder of the actor's,
from which the driver reads them. When Ray ends the actor, the kernel ends the worker process.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fishd.cluster.node.cache import ReferenceCache, node_folder
from fishd.cluster.node.clip_folder import ClipFolder
from fishd.cluster.translate import references, with_cache_folder, with_clip, with_references
from fishd.pool.pool import Pool, WorkerExited, WorkerMessage
from fishd.pool.program import WORKER
from fishd.wire.messages import FromWorker, Load, Speak, TakeError, ToWorker

MAX_BATCH = 256  # messages in one answer
MAX_LINES = 10_000  # of output that wait for the driver; more are dropped


class Batch(msgspec.Struct, frozen=True):
    """What a worker sent since the last batch; `exited` is the last that comes.

    `pid` is 0 while there is no process.
    """

    pid: int = 0
    messages: tuple[FromWorker, ...] = ()
    lines: tuple[str, ...] = ()
    exited: tuple[str, str, float | None] | None = None  # kind, reason, needs_gb


class WorkerActor:
    """One worker. All methods run on the actor's event loop, called by one driver."""

    def __init__(self) -> None:
        """Raises OSError if the node's folder cannot be used."""
        folder = node_folder()
        self._engine_cache = folder / "engine"
        self._cache = ReferenceCache(folder / "references")
        self._clips = ClipFolder(folder / "clips")
        # The mutable state.
        self._pool: Pool[FromWorker] | None = None
        self._worker = 0
        self._received: list[FromWorker] = []
        self._lines: list[str] = []
        self._exited: tuple[str, str, float | None] | None = None
        self._has_news = asyncio.Event()
        self._paths: dict[str, Path] = {}  # of clips, by take
        self._serving: asyncio.Task[None] | None = None

    async def start(self, load: bytes, env: Mapping[str, str]) -> None:
        """Start the process. Batches follow, the last one with its exit."""
        message = with_cache_folder(msgspec.msgpack.decode(load, type=Load), str(self._engine_cache))
        self._worker = message.worker
        logging.getLogger("fishd.worker").addHandler(_LineHandler(self._on_line))
        logging.getLogger("fishd.worker").setLevel(logging.DEBUG)
        self._serving = asyncio.create_task(self._serve(message, env))

    async def send(self, batch: bytes) -> list[str]:
        """Pass messages on; or, if reference clips are not in the cache, pass none on and name those."""
        messages = msgspec.msgpack.decode(batch, type=tuple[ToWorker, ...])
        needed = {name for message in messages for name in references(message)}
        if lacking := [name for name in sorted(needed) if not self._cache.use(name)]:
            return lacking
        assert self._pool is not None
        for message in messages:
            here = with_references(message, lambda name: str(self._cache.path(name)))
            here = with_clip(here, lambda name: str(self._clips.new_path(name)))
            if isinstance(here, Speak):
                self._paths[here.take] = Path(here.clip)
            self._pool.send(self._worker, here)
        return []

    async def store(self, name: str, chunks: Sequence[Any]) -> None:
        """Put a reference clip, as references to objects, into the cache. Raises OSError, BadTransfer."""
        incoming = await asyncio.to_thread(self._cache.open, name)
        try:
            for chunk in chunks:
                await asyncio.to_thread(incoming.write, await chunk)
            await asyncio.to_thread(incoming.finish)
        finally:
            incoming.discard()
        await asyncio.to_thread(self._cache.remove_unused)

    async def receive(self, fetched: Sequence[str]) -> bytes:
        """Wait for a batch. The clips of the takes `fetched` are not needed here any more."""
        for take in fetched:
            if path := self._paths.pop(take, None):
                path.unlink(missing_ok=True)
        await self._has_news.wait()
        messages, self._received = self._received[:MAX_BATCH], self._received[MAX_BATCH:]
        lines, self._lines = self._lines[:MAX_BATCH], self._lines[MAX_BATCH:]
        is_all = not self._received and not self._lines
        exited = self._exited if is_all else None
        if is_all and exited is None:
            self._has_news.clear()
        pid = self._pool.pid(self._worker) if self._pool else None
        return msgspec.msgpack.encode(Batch(pid or 0, tuple(messages), tuple(lines), exited))

    async def read_clip(self, take: str, offset: int, size_bytes: int) -> bytes:
        """A part of the clip of a take. Raises OSError."""
        return await asyncio.to_thread(_read, self._paths[take], offset, size_bytes)

    async def close(self) -> None:
        """Leave nothing behind."""
        await asyncio.to_thread(self._clips.remove)

    # ---- the worker process ------------------------------------------------------------------------

    async def _serve(self, load: Load, env: Mapping[str, str]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._pool = Pool(group, WORKER, self._on_message)
                self._pool.start(load, env)
        except Exception as error:  # noqa: BLE001 - nobody awaits this task: whatever it is, it is reported
            self._on_message(WorkerExited(load.worker, "ended", f"its actor failed: {error!r}"))

    def _on_message(self, message: WorkerMessage[FromWorker] | WorkerExited) -> None:
        if isinstance(message, WorkerExited):
            self._exited = (message.kind, message.reason, message.needs_gb)
        else:
            self._received.append(message.message)
            if isinstance(message.message, TakeError):
                self._paths.pop(message.message.take, None)
        self._has_news.set()

    def _on_line(self, line: str) -> None:
        if len(self._lines) < MAX_LINES:
            self._lines.append(line)
        self._has_news.set()


class _LineHandler(logging.Handler):
    """What the pool logs of its worker's output, without its head "[Worker 3] "."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        super().__init__()
        self._on_line = on_line

    def emit(self, record: logging.LogRecord) -> None:
        self._on_line(record.getMessage().partition("] ")[2])


def _read(path: Path, offset: int, size_bytes: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), size_bytes, offset)
