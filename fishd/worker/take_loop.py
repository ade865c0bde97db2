"""The worker's loop: take messages in, keep the engine full, write clips, say what became of each take.

Messages are read by a thread of their own, so that the parent's end is noticed during a long step; clips
are written by another, so that the engine does not wait for the disk. What a full or failing disk refuses is
kept and tried again: the daemon hears of it, and gives no more than a few takes whose clips are not written.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

from fishd.core.transient_errors import is_transient
from fishd.engines.protocol import BadClip, EngineError, Failed, Spoken, Take, Voice
from fishd.wire import messages
from fishd.wire.channel import BadFrame, BlockingChannel, EndOfStream
from fishd.wire.messages import (
    CancelTake,
    CheckOptions,
    Inspect,
    Progress,
    QueryMemory,
    Speak,
    Stop,
    ToWorker,
)
from fishd.worker.clips import WrittenClip, fault_of, write_clip
from fishd.worker.loading import Loaded
from fishd.worker.memory import memory_gb, peak_gb
from fishd.worker.references import inspect

PROGRESS_EVERY_S = 1.0
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
MOST_FORBIDDEN = 60


class TakeLoop:
    """One engine at work. `run` returns when the daemon said Stop and all takes have ended."""

    def __init__(self, channel: BlockingChannel[ToWorker], loaded: Loaded) -> None:
        self._channel = channel
        self._loaded = loaded
        self._engine = loaded.engine
        self._messages: SimpleQueue[ToWorker] = SimpleQueue()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="clips")
        self._trouble = 0  # why clips wait, as an errno; owned by the clips' thread
        # The mutable state, owned by the main thread.
        self._queue: deque[Speak] = deque()
        self._in_engine: dict[str, tuple[Speak, float]] = {}
        self._forgotten: set[str] = set()
        self._stopping = False
        self._steps = 0
        self._progress_at = 0.0
        self._told_slots: int = loaded.engine.capacity

    def run(self) -> None:
        threading.Thread(target=self._read, name="messages", daemon=True).start()
        try:
            while not (self._stopping and not self._queue and not self._in_engine):
                self._take_messages()
                self._start_takes()
                if self._in_engine:
                    self._step()
        finally:
            self._writer.shutdown(wait=True)  # what was spoken before a fault is kept
        self._engine.close()

    # ---- messages ----------------------------------------------------------------------------------

    def _read(self) -> None:
        """The parent is gone when the stream ends: so are we, whatever the engine is doing."""
        try:
            while True:
                self._messages.put(self._channel.receive())
        except EndOfStream:
            os._exit(0)
        except BadFrame as error:
            print(f"the daemon sent what is no message: {error}", file=sys.stderr)
            os._exit(1)

    def _take_messages(self) -> None:
        """All that have come; wait for one if there is nothing to do."""
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
                self._forget(message.take)
            case QueryMemory():
                device = self._loaded.device
                self._channel.send(messages.MemoryReport(memory_gb(device), peak_gb(device, self._engine)))
            case Stop():
                self._stopping = True
            case messages.Load():
                raise BadFrame("Load came twice")

    def _forget(self, take: str) -> None:
        """On deck, or in an engine that can drop it, it ends at once; else with its last step."""
        if take in self._in_engine:
            drop = getattr(self._engine, "drop", None)
            if drop is None:
                self._forgotten.add(take)
                return
            drop(take)
            del self._in_engine[take]
        elif (speak := next((s for s in self._queue if s.take == take), None)) is not None:
            self._queue.remove(speak)
        else:
            return  # it has ended, and that was told
        self._fail(take, "no longer wanted", retry=False)

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
                raise EngineError(f"the engine ended take {end.take_id!r}, which it does not hold")
            speak, since = self._in_engine.pop(end.take_id)
            if end.take_id in self._forgotten:
                self._fail(end.take_id, "no longer wanted", retry=False)
            elif isinstance(end, Failed):
                self._fail(end.take_id, end.reason, retry=end.retry)
            else:
                self._keep(end, speak, since)
        self._steps += 1
        now = time.monotonic()
        slots = self._engine.capacity
        if now - self._progress_at >= PROGRESS_EVERY_S or slots != self._told_slots:
            self._progress_at, self._told_slots = now, slots
            self._tell_progress()

    def _tell_progress(self) -> None:
        device, engine = self._loaded.device, self._engine
        peak = peak_gb(device, engine)
        self._channel.send(Progress(self._steps, memory_gb(device), self._trouble, peak, self._told_slots))

    def _fail(self, take: str, reason: str, *, retry: bool) -> None:
        self._forgotten.discard(take)
        self._channel.send(messages.TakeError(take, reason, retry))

    def _keep(self, end: Spoken, speak: Speak, since: float) -> None:
        rate = self._engine.sample_rate
        fault = fault_of(end.audio, rate)
        if fault:
            self._fail(end.take_id, fault, retry=True)
            return
        self._channel.send(messages.Synthesized(end.take_id))
        self._writer.submit(self._write, end, speak, since, rate)

    def _write(self, end: Spoken, speak: Speak, since: float, rate: int) -> None:
        """In the writer's thread: the clip is put on the disk, and the daemon is told."""
        try:
            try:
                clip = self._write_until_it_goes(Path(speak.clip), end, rate)
            except Exception as error:  # noqa: BLE001 - nobody awaits this thread: whatever it is, it is told
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                what = f"the clip cannot be written: {reason}"
                self._channel.send(messages.TakeError(end.take_id, what, retry=True))
                return
            work_s = time.monotonic() - since
            spoken = messages.ClipWritten(
                end.take_id, clip.duration_s, clip.size_bytes, clip.peak, work_s, clip.content_hash
            )
            self._channel.send(spoken)
        except EndOfStream:
            return  # the daemon is gone, and with it whoever wants to know

    def _write_until_it_goes(self, path: Path, end: Spoken, rate: int) -> WrittenClip:
        """Each time into a file of its own: a failed fsync must not be repeated. Raises OSError."""
        failures = 0
        while True:
            try:
                clip = write_clip(path, end.audio, rate)
            except OSError as error:
                failures += 1
                if failures > 1:
                    if not _is_worth_waiting(error, failures):
                        raise
                    self._say_trouble(error.errno or errno.EIO)
                time.sleep(min(FIRST_PAUSE_S * 2 ** min(failures, 10), LONGEST_PAUSE_S))
            else:
                self._say_trouble(0)
                return clip

    def _say_trouble(self, trouble: int) -> None:
        if trouble or self._trouble:
            self._trouble = trouble
            self._tell_progress()


def _is_worth_waiting(error: OSError, failures: int) -> bool:
    """A full disk is waited for as long as it takes; a folder that we may not write in, for some minutes."""
    is_forbidden = error.errno in (errno.EACCES, errno.EPERM)
    return is_transient(error) or (is_forbidden and failures < MOST_FORBIDDEN)


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
