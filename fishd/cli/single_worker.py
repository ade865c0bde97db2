"""One worker of its own for a command: started, loaded, made to speak, weighed and ended."""

from __future__ import annotations

import asyncio
import contextlib
import math
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from types import TracebackType, UnionType
from typing import Any, Self

from fishd.core.dispatch.take_limits import limit_s
from fishd.core.sizing.calibration import LINES, Level
from fishd.daemon.pool_plan import Deployment
from fishd.host.nvml import GpuFault, GpuReading
from fishd.pool.pool import Pool, WorkerExited, WorkerMessage
from fishd.wire.messages import (
    ClipWritten,
    FromWorker,
    MemoryReport,
    QueryMemory,
    Ready,
    Speak,
    Stop,
    TakeError,
)

LOOK_EVERY_S = 0.1
END_S = 10.0
REFERENCE_S = 10.0
_RATE = 24_000
_WORKER = 0
_GIB = 2**30


class WorkerLost(Exception):  # noqa: N818 - reads as what it is
    """The worker ended, or said nothing for too long; in words."""


class SingleWorker:
    """`read` gives NVML's reading of its card, if it is on one. Its clips go to `folder`."""

    def __init__(
        self, hiring: Deployment, device: str, folder: Path, read: Callable[[], GpuReading] | None = None
    ) -> None:
        self._hiring = hiring
        self._device = device
        self._folder = folder
        self._read = read
        # The mutable state.
        self._mail: asyncio.Queue[WorkerMessage | WorkerExited] = asyncio.Queue()
        self._group = asyncio.TaskGroup()
        self._is_gone = False
        self._serial = 0
        self._nvml_gb: float | None = None

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._pool = Pool(self._group, self._mail.put_nowait)
        self._pool.start(self._hiring.load(_WORKER, self._device), self._hiring.env(self._device))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.send(_WORKER, Stop())
        with contextlib.suppress(TimeoutError, WorkerLost):
            while not self._is_gone:
                await self._next(END_S)
        self._pool.kill(_WORKER, "the command is over")
        await self._group.__aexit__(None, None, None)

    async def ready(self, limit_s: float) -> int:
        """Its slots, once it has loaded. Raises WorkerLost."""
        return (await self._hear(Ready, limit_s)).slots

    async def speak(self, takes: int, limit_s: float) -> Level:
        """So many takes of the standard set at once, and what it has held by then. Raises WorkerLost."""
        for _ in range(takes):
            self._send_take()
        looking = asyncio.create_task(self._look())
        try:
            ends = [await self._hear(ClipWritten | TakeError, limit_s) for _ in range(takes)]
        finally:
            looking.cancel()
        self._pool.send(_WORKER, QueryMemory())
        weighed = await self._hear(MemoryReport, limit_s)
        failed = sum(isinstance(end, TakeError) for end in ends)
        return Level(takes, weighed.peak_gb, self._nvml_gb, failed)

    def _send_take(self) -> None:
        self._serial += 1
        text = LINES[self._serial % len(LINES)]
        self._pool.send(
            _WORKER,
            Speak(
                take=str(self._serial),
                voice_key="calibration",
                references=(str(_reference(self._folder)),),
                transcript=" ".join(LINES[:2]),
                voice_language="en",
                text=text,
                language="en",
                seed=self._serial,
                limit_s=limit_s(text),
                clip=str(self._folder / f"{self._serial}.wav"),
                options={},
            ),
        )

    async def _hear(self, kind: type[Any] | UnionType, limit_s: float) -> Any:
        """The next message of this kind, while the worker makes progress. Raises WorkerLost."""
        while True:
            message = await self._next(limit_s)
            if isinstance(message, kind):
                return message

    async def _next(self, limit_s: float) -> FromWorker:
        try:
            async with asyncio.timeout(limit_s):
                mail = await self._mail.get()
        except TimeoutError as error:
            raise WorkerLost(f"it said nothing for {limit_s:g} s") from error
        if isinstance(mail, WorkerExited):
            self._is_gone = True
            raise WorkerLost(mail.reason)
        return mail.message

    async def _look(self) -> None:
        """What NVML sees the process hold, again and again; where it tells that at all."""
        while self._read is not None:
            with contextlib.suppress(GpuFault):
                reading = await asyncio.to_thread(self._read)
                parts = (reading, *reading.instances)
                held = max(part.held_bytes.get(self._pool.pid(_WORKER) or -1, 0) for part in parts)
                self._nvml_gb = max(self._nvml_gb or 0.0, held / _GIB) or None
            await asyncio.sleep(LOOK_EVERY_S)


def _reference(folder: Path) -> Path:
    """A voice of a kind: a buzz with syllables."""
    path = folder / "reference.wav"
    if not path.exists():
        with wave.open(str(path), "wb") as clip:
            clip.setnchannels(1)
            clip.setsampwidth(2)
            clip.setframerate(_RATE)
            clip.writeframes(b"".join(map(_sample, range(round(REFERENCE_S * _RATE)))))
    return path


def _sample(n: int) -> bytes:
    moment = 2 * math.pi * n / _RATE
    voice = sum(math.sin(130 * k * moment) / k for k in range(1, 6))
    return struct.pack("<h", round(6000 * voice * (0.55 + 0.45 * math.sin(4 * moment))))
