"""How much memory one worker holds while it speaks more and more takes at once."""

from __future__ import annotations

import asyncio
import contextlib
import math
import struct
import wave
from collections.abc import Callable
from pathlib import Path

from fishd.cli.single_worker import SingleWorker
from fishd.core.dispatch.takes import limit_s
from fishd.core.sizing.calibration import LINES, Level
from fishd.host.nvml import GpuFault, GpuReading
from fishd.wire.messages import ClipWritten, MemoryReport, QueryMemory, Speak, TakeError

POLL_S = 0.1
REFERENCE_S = 10.0
_RATE = 24_000
_GIB = 2**30


class MemoryMeasurement:
    """A loaded worker under measurement; `read_gpu` is None where it has no GPU. Clips go to `folder`."""

    def __init__(self, worker: SingleWorker, folder: Path, read_gpu: Callable[[], GpuReading] | None) -> None:
        self._worker = worker
        self._folder = folder
        self._reference = _write_reference(folder / "reference.wav")
        self._read_gpu = read_gpu
        # The mutable state.
        self._num_takes = 0
        self._nvml_gb: float | None = None

    async def speak(self, takes: int, limit_s: float) -> Level:
        """Speak that many takes of the standard set at once. Raises WorkerLost."""
        watch = asyncio.create_task(self._watch_gpu())
        try:
            for _ in range(takes):
                self._worker.send(self._next_take())
            ends = [await self._worker.receive(ClipWritten, TakeError, limit_s=limit_s) for _ in range(takes)]
        finally:
            watch.cancel()
        memory = await self._worker.ask(QueryMemory(), MemoryReport, limit_s)
        failed = sum(isinstance(end, TakeError) for end in ends)
        return Level(takes, memory.peak_gb, self._nvml_gb, failed)

    def _next_take(self) -> Speak:
        self._num_takes += 1
        text = LINES[self._num_takes % len(LINES)]
        return Speak(
            take=str(self._num_takes),
            voice_key="calibration",
            references=(str(self._reference),),
            transcript=" ".join(LINES[:2]),
            voice_language="en",
            text=text,
            language="en",
            seed=self._num_takes,
            limit_s=limit_s(text),
            clip=str(self._folder / f"{self._num_takes}.wav"),
            options={},
        )

    async def _watch_gpu(self) -> None:
        """Record the most memory that NVML reports for the worker's process, where it reports any."""
        while self._read_gpu is not None:
            with contextlib.suppress(GpuFault):
                reading = await asyncio.to_thread(self._read_gpu)
                parts = (reading, *reading.instances)
                held = max(part.held_bytes.get(self._worker.pid, 0) for part in parts)
                self._nvml_gb = max(self._nvml_gb or 0.0, held / _GIB) or None
            await asyncio.sleep(POLL_S)


def _write_reference(path: Path) -> Path:
    """A synthetic voice: a buzz whose loudness rises and falls like syllables."""
    with wave.open(str(path), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(_RATE)
        clip.writeframes(b"".join(map(_sample, range(round(REFERENCE_S * _RATE)))))
    return path


def _sample(n: int) -> bytes:
    angle = 2 * math.pi * n / _RATE
    voice = sum(math.sin(130 * k * angle) / k for k in range(1, 6))
    return struct.pack("<h", round(6000 * voice * (0.55 + 0.45 * math.sin(4 * angle))))
