"""job.log: the log lines of one job, in its result's folder.

A record belongs to a job if it was logged with `extra={"job": NAME}`. Lines are buffered and appended to the
file in blocks, warnings and errors at once. The last lines go directly into the result.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

_BLOCK_LINES = 100
_MAX_BUFFERED = 10_000  # lines of a job whose file cannot be written


class JobLog(logging.Handler):
    """Collects the records of each open job."""

    def __init__(self, format_record: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._format_record = format_record
        self._lock = threading.RLock()  # guards what follows
        self._paths: dict[str, Path] = {}
        self._unwritten: dict[str, list[str]] = {}
        self._whole: dict[str, bytes] = {}  # of finished jobs that are not published yet

    def open_job(self, job: str, path: Path) -> None:
        """Append the job's lines to `path` from now on; its folder may be created later."""
        with self._lock:
            self._paths[job] = path
            self._unwritten.setdefault(job, [])

    def finish_job(self, job: str) -> bytes:
        """All lines of the job, for its result; may be called again. Its file is no longer written."""
        with self._lock:
            if job not in self._whole:
                path, lines = self._paths.pop(job, None), self._unwritten.pop(job, [])
                text = "".join(f"{line}\n" for line in lines)
                self._whole[job] = _read(path) + text.encode("utf-8", "backslashreplace")
            return self._whole[job]

    def forget_job(self, job: str) -> None:
        """The job is published."""
        with self._lock:
            self._whole.pop(job, None)

    def emit(self, record: logging.LogRecord) -> None:
        job: str | None = getattr(record, "job", None)
        if job is None:
            return
        try:
            with self._lock:
                self._add(job, record)
        except Exception:  # noqa: BLE001 - logging's own rule: a failing log must not fail its caller
            self.handleError(record)

    def flush(self) -> None:
        """Write the lines of every job whose folder exists."""
        with self._lock:
            for job in self._paths:
                self._write(job)

    def close(self) -> None:
        self.flush()
        super().close()

    def _add(self, job: str, record: logging.LogRecord) -> None:
        lines = self._unwritten.get(job)
        if lines is None:
            return
        lines.append(self._format_record(record))
        if record.levelno >= logging.WARNING or len(lines) % _BLOCK_LINES == 0:
            self._write(job)
        del lines[:-_MAX_BUFFERED]

    def _write(self, job: str) -> None:
        lines = self._unwritten.get(job)
        if not lines:
            return
        path = self._paths[job]
        try:
            path.parent.mkdir(exist_ok=True)  # not its parents: a removed job stays removed
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("\n".join(lines) + "\n")
        except OSError:
            return  # tried again later; the daemon's log has them too
        lines.clear()


def _read(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return b""
