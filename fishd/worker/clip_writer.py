"""Write clips in a thread of its own, so that the engine does not wait for the disk.

A clip that a full or failing disk refuses is kept and tried again. The daemon learns of it from the errno in
Progress, and sends no more than a few takes while clips are unwritten.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fishd.core.transient_errors import is_transient
from fishd.engines.protocol import Spoken
from fishd.wire.channel import BlockingChannel, EndOfStream
from fishd.wire.messages import ClipWritten, Speak, TakeError, ToWorker
from fishd.worker.clips import WrittenClip, write_clip
from fishd.worker.features import measure

FIRST_PAUSE_S = 0.05
MAX_PAUSE_S = 5.0
MAX_DENIED = 60  # attempts in a folder that we may not write in: some minutes


class ClipWriter:
    """Reports ClipWritten or TakeError for every clip; `on_errno` is called when `errno` changes."""

    def __init__(self, channel: BlockingChannel[ToWorker], on_errno: Callable[[], None]) -> None:
        self._channel = channel
        self._on_errno = on_errno
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="clips")
        self.errno = 0  # why clips are unwritten; changed only by the writer's thread

    def submit(self, spoken: Spoken, speak: Speak, started: float, sample_rate: int) -> None:
        """Write a clip. `started` is the time.monotonic() of the take's start."""
        self._thread.submit(self._write, spoken, speak, started, sample_rate)

    def close(self) -> None:
        """Wait until every clip is written or has failed."""
        self._thread.shutdown(wait=True)

    def _write(self, spoken: Spoken, speak: Speak, started: float, sample_rate: int) -> None:
        try:
            try:
                features = measure(spoken.audio, sample_rate) if speak.measure else None
                clip = self._write_with_retries(Path(speak.clip), spoken, sample_rate)
            except Exception as error:  # noqa: BLE001 - no one awaits this thread: whatever it is, it is reported
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                what = f"the clip cannot be written: {reason}"
                self._channel.send(TakeError(speak.take, what, retry=True))
                return
            work_s = time.monotonic() - started
            self._channel.send(
                ClipWritten(
                    speak.take,
                    clip.duration_s,
                    clip.size_bytes,
                    clip.peak,
                    work_s,
                    clip.content_hash,
                    features,
                )
            )
        except EndOfStream:
            return  # the daemon is gone

    def _write_with_retries(self, path: Path, spoken: Spoken, sample_rate: int) -> WrittenClip:
        """Each attempt writes a new file: a failed fsync must not be repeated. Raises OSError."""
        failures = 0
        while True:
            try:
                clip = write_clip(path, spoken.audio, sample_rate)
            except OSError as error:
                failures += 1
                if failures > 1:
                    if not _should_retry(error, failures):
                        raise
                    self._set_errno(error.errno or errno.EIO)
                time.sleep(min(FIRST_PAUSE_S * 2 ** min(failures, 10), MAX_PAUSE_S))
            else:
                self._set_errno(0)
                return clip

    def _set_errno(self, code: int) -> None:
        """Reported at every failed attempt, and once when writing works again."""
        if code or self.errno:
            self.errno = code
            self._on_errno()


def _should_retry(error: OSError, failures: int) -> bool:
    """A full disk is retried without limit, a denied folder for some minutes, anything else not at all."""
    is_denied = error.errno in (errno.EACCES, errno.EPERM)
    return is_transient(error) or (is_denied and failures < MAX_DENIED)
