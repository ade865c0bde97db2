"""The worker's main loop: take messages in, keep the engine busy, report what became of each take.

Messages are read by a thread of their own, so that the daemon's death is noticed during a long step; clips
are written by another (clip_writer.py).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from pathlib import Path
from queue import Empty, SimpleQueue

from fishd.engines.protocol import BadClip, EngineError, Failed, Spoken, Take, Voice
from fishd.wire.channel import BadFrame, BlockingChannel, EndOfStream
from fishd.wire.messages import (
    CancelTake,
    CheckOptions,
    Inspect,
    Load,
    MemoryReport,
    Progress,
    QueryMemory,
    Speak,
    Stop,
    Synthesized,
    TakeError,
    ToWorker,
)
from fishd.worker.clip_writer import ClipWriter
from fishd.worker.clips import fault_of
from fishd.worker.loading import Loaded
from fishd.worker.memory import memory_gb, peak_gb
from fishd.worker.references import inspect

PROGRESS_EVERY_S = 1.0
CANCELLED = "no longer wanted"


class TakeLoop:
    """One engine at work. `run` returns after Stop, when every take has ended."""

    def __init__(self, channel: BlockingChannel[ToWorker], loaded: Loaded) -> None:
        self._channel = channel
        self._loaded = loaded
        self._engine = loaded.engine
        self._messages: SimpleQueue[ToWorker] = SimpleQueue()
        self._writer = ClipWriter(channel, self._send_progress)
        # The mutable state, owned by the main thread.
        self._queue: deque[Speak] = deque()
        self._in_engine: dict[str, tuple[Speak, float]] = {}  # with the time of its start
        self._cancelled: set[str] = set()  # in an engine that cannot drop them
        self._stopping = False
        self._steps = 0
        self._progress_at = 0.0
        self._reported_slots: int = loaded.engine.capacity

    def run(self) -> None:
        threading.Thread(target=self._read, name="messages", daemon=True).start()
        try:
            while not (self._stopping and not self._queue and not self._in_engine):
                self._handle_messages()
                self._start_takes()
                if self._in_engine:
                    self._step()
        finally:
            self._writer.close()  # clips from before a fault are written
        self._engine.close()

    # ---- messages ----------------------------------------------------------------------------------

    def _read(self) -> None:
        """The daemon is gone when the stream ends: exit, whatever the engine is doing."""
        try:
            while True:
                self._messages.put(self._channel.receive())
        except EndOfStream:
            os._exit(0)
        except BadFrame as error:
            print(f"the daemon sent an invalid message: {error}", file=sys.stderr)
            os._exit(1)

    def _handle_messages(self) -> None:
        """Handle all that have arrived; wait for one if there is nothing to do."""
        wait = not self._queue and not self._in_engine and not self._stopping
        while True:
            try:
                message = self._messages.get(block=wait)
            except Empty:
                return
            self._handle(message)
            wait = False

    def _handle(self, message: ToWorker) -> None:
        match message:
            case Speak():
                self._queue.append(message)
            case Inspect():
                self._channel.send(inspect(message))
            case CheckOptions():
                self._channel.send(self._loaded.checks.answer(message))
            case CancelTake():
                self._cancel(message.take)
            case QueryMemory():
                device = self._loaded.device
                self._channel.send(MemoryReport(memory_gb(device), peak_gb(device, self._engine)))
            case Stop():
                self._stopping = True
            case Load():
                raise BadFrame("a second Load")

    def _cancel(self, take: str) -> None:
        """At once if it is queued, or in an engine that can drop it; otherwise with its last step."""
        if take in self._in_engine:
            drop = getattr(self._engine, "drop", None)
            if drop is None:
                self._cancelled.add(take)
                return
            drop(take)
            del self._in_engine[take]
        elif (speak := next((s for s in self._queue if s.take == take), None)) is not None:
            self._queue.remove(speak)
        else:
            return  # it has ended, and was reported
        self._fail(take, CANCELLED, retry=False)

    # ---- takes -------------------------------------------------------------------------------------

    def _start_takes(self) -> None:
        while self._queue and len(self._in_engine) < self._engine.capacity:
            speak = self._queue.popleft()
            try:
                self._engine.start(_take(speak))
            except BadClip as error:
                self._fail(speak.take, str(error), retry=False)
            else:
                self._in_engine[speak.take] = (speak, time.monotonic())

    def _step(self) -> None:
        for end in self._engine.step():
            if end.take_id not in self._in_engine:
                raise EngineError(f"the engine ended take {end.take_id!r}, which it does not have")
            speak, started = self._in_engine.pop(end.take_id)
            if end.take_id in self._cancelled:
                self._fail(end.take_id, CANCELLED, retry=False)
            elif isinstance(end, Failed):
                self._fail(end.take_id, end.reason, retry=end.retry)
            else:
                self._finish(end, speak, started)
        self._steps += 1
        is_due = time.monotonic() - self._progress_at >= PROGRESS_EVERY_S
        if is_due or self._engine.capacity != self._reported_slots:
            self._progress_at, self._reported_slots = time.monotonic(), self._engine.capacity
            self._send_progress()

    def _send_progress(self) -> None:
        """From the main thread or the writer's."""
        device = self._loaded.device
        memory, peak = memory_gb(device), peak_gb(device, self._engine)
        self._channel.send(Progress(self._steps, memory, self._writer.errno, peak, self._reported_slots))

    def _fail(self, take: str, reason: str, *, retry: bool) -> None:
        self._cancelled.discard(take)
        self._channel.send(TakeError(take, reason, retry))

    def _finish(self, spoken: Spoken, speak: Speak, started: float) -> None:
        """The slot is free now; the clip is written meanwhile."""
        sample_rate = self._engine.sample_rate
        if fault := fault_of(spoken.audio, sample_rate):
            self._fail(spoken.take_id, fault, retry=True)
            return
        self._channel.send(Synthesized(spoken.take_id))
        self._writer.submit(spoken, speak, started, sample_rate)


def _take(speak: Speak) -> Take:
    voice = Voice(
        key=speak.voice_key,
        clips=tuple(Path(reference) for reference in speak.references),
        transcript=speak.transcript,
        language=speak.voice_language,
    )
    return Take(
        id=speak.take,
        voice=voice,
        text=speak.text,
        language=speak.language,
        seed=speak.seed,
        limit_s=speak.limit_s,
        options=speak.options,
    )
