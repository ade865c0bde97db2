"""job.log: the lines of the log that are about one job, in its result's folder.

A record is a job's when it was logged with `extra={"job": NAME}`. Lines are held in memory and appended to
the file a block at a time; a warning or worse goes out at once. The last ones go straight into the result.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

_BLOCK_LINES = 100
_MOST_HELD = 10_000  # lines kept of a job whose file cannot be written


class JobLog(logging.Handler):
    """Sorts records by job. What it holds: the path and the unwritten lines of each open job."""

    def __init__(self, line: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._line = line
        self._held = threading.RLock()
        self._paths: dict[str, Path] = {}
        self._unwritten: dict[str, list[str]] = {}
        self._whole: dict[str, bytes] = {}  # of jobs that are over and not yet published

    def open_job(self, job: str, path: Path) -> None:
        """From now on the job's lines are appended to `path`; its folder may come later."""
        with self._held:
            self._paths[job] = path
            self._unwritten.setdefault(job, [])

    def finish_job(self, job: str) -> bytes:
        """All its lines, for its result, as often as asked. From now on its file is left alone."""
        with self._held:
            if job not in self._whole:
                path, lines = self._paths.pop(job, None), self._unwritten.pop(job, [])
                text = "".join(f"{line}\n" for line in lines)
                self._whole[job] = _read(path) + text.encode("utf-8", "backslashreplace")
            return self._whole[job]

    def forget_job(self, job: str) -> None:
        """It is published."""
        with self._held:
            self._whole.pop(job, None)

    def emit(self, record: logging.LogRecord) -> None:
        job: str | None = getattr(record, "job", None)
        if job is None:
            return
        try:
            with self._held:
                self._keep(job, record)
        except Exception:  # noqa: BLE001 -- logging's own rule: a log that fails must not fail its caller
            self.handleError(record)

    def flush(self) -> None:
        """Write every job's lines as far as their folders are there."""
        with self._held:
            for job in self._paths:
                self._write(job)

    def close(self) -> None:
        self.flush()
        super().close()

    def _keep(self, job: str, record: logging.LogRecord) -> None:
        lines = self._unwritten.get(job)
        if lines is None:
            return
        lines.append(self._line(record))
        if record.levelno >= logging.WARNING or len(lines) % _BLOCK_LINES == 0:
            self._write(job)
        del lines[:-_MOST_HELD]

    def _write(self, job: str) -> None:
        lines = self._unwritten.get(job)
        if not lines:
            return
        path = self._paths[job]
        try:
            path.parent.mkdir(exist_ok=True)  # not its parents: a job that is gone stays gone
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("\n".join(lines) + "\n")
        except OSError:
            return  # kept for the next time; the daemon's own log has them too
        lines.clear()


def _read(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return b""
