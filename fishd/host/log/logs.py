"""Set up the daemon's log: its targets and their formats.

Everything logs through the standard `logging`, under the name `fishd`. A terminal gets colours, a pipe plain
lines, journald priorities without times, `[log] file` lines for `tail -f`. A log that cannot be written never
stops the daemon.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Protocol, TextIO

from rich.console import Console

from fishd.host.log import formats
from fishd.host.log.job_log import JobLog

_TIME = "%H:%M:%S"
_DATE = "%Y-%m-%d %H:%M:%S"
_EDGE = "│ "


class LogSettings(Protocol):
    """The [log] section of the configuration. `format` is "rich", "plain" or "json"."""

    @property
    def level(self) -> str: ...
    @property
    def file(self) -> Path | None: ...
    @property
    def color(self) -> str: ...
    @property
    def format(self) -> str: ...


class BadLogFile(Exception):  # noqa: N818 - named like BadBundle, BadConfig
    """`[log] file` cannot be opened."""


def set_up_logs(
    settings: LogSettings, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ
) -> Logs:
    """Send all logging to `stream` (default: stderr) and to `[log] file`. Raises BadLogFile."""
    return Logs(settings, stream or sys.stderr, environ)


class Logs:
    """The installed handlers. `console` is for a live line, `jobs` collects each job's lines."""

    def __init__(self, settings: LogSettings, stream: TextIO, environ: Mapping[str, str]) -> None:
        self.jobs = JobLog(formats.plain(_DATE))
        self._stream = stream
        self._environ = environ
        self._root = logging.getLogger()
        self._ours = logging.getLogger("fishd")
        self._before = (self._root.level, self._ours.level)
        self._handlers: list[logging.Handler] = []
        self.console = _console(stream, settings.color, environ)
        self.change(settings)

    def change(self, settings: LogSettings) -> None:
        """Apply new settings. Raises BadLogFile if their file cannot be opened; then the old ones stay."""
        new = [self._stream_handler(settings), self.jobs]
        if settings.file:
            new.append(_file_handler(settings, settings.file, self._environ))
        self._drop_handlers()
        self.console.no_color = _is_colourless(settings.color, self._environ)
        self._handlers = new
        for handler in new:
            self._root.addHandler(handler)
        self._root.setLevel(logging.WARNING)  # for libraries: only warnings
        self._ours.setLevel(settings.level.upper())

    def close(self) -> None:
        """Flush and remove the handlers; logging is as it was before."""
        self._drop_handlers()
        self.jobs.close()
        self._root.setLevel(self._before[0])
        self._ours.setLevel(self._before[1])

    def _drop_handlers(self) -> None:
        for handler in self._handlers:
            self._root.removeHandler(handler)
            if handler is not self.jobs:
                handler.close()
        self._handlers = []

    def _stream_handler(self, settings: LogSettings) -> logging.Handler:
        if _is_journal(self._stream, self._environ):
            format_record = formats.journal_json if settings.format == "json" else formats.journal
            return _LineHandler(self._stream, format_record)
        if settings.format == "json":
            return _LineHandler(self._stream, formats.json_line)
        if settings.format == "rich" and self.console.is_terminal:
            return _ConsoleHandler(self.console)
        return _LineHandler(self._stream, formats.plain(_DATE))


class _LineHandler(logging.StreamHandler[TextIO]):
    """Writes records to a stream, as formatted by `format_record`."""

    def __init__(self, stream: TextIO, format_record: formats.Format) -> None:
        super().__init__(stream)
        self._format_record = format_record

    def format(self, record: logging.LogRecord) -> str:
        return self._format_record(record)


class _ConsoleHandler(logging.Handler):
    """Writes to a rich console, above its live line."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._console.print(formats.rich_text(record, _TIME), soft_wrap=True, highlight=False)
        except Exception:  # noqa: BLE001 - logging's own rule: a failing log must not fail its caller
            self.handleError(record)


class _FileHandler(WatchedFileHandler):
    """`[log] file`: reopened when logrotate has moved it; reports once when it cannot be written."""

    def __init__(self, path: Path, format_record: formats.Format) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._format_record = format_record
        self._failures = 0  # in a row

    def format(self, record: logging.LogRecord) -> str:
        return self._format_record(record)

    def emit(self, record: logging.LogRecord) -> None:
        failures = self._failures
        try:
            super().emit(record)
        except OSError:  # the reopening itself failed
            self.handleError(record)
        if self._failures == failures:
            self._failures = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's signature
        self._failures += 1
        if self._failures > 1:
            return
        logging.getLogger("fishd.logs").error(
            "log.file: %s: cannot be written (%s); it misses lines until it can",
            self.baseFilename,
            sys.exc_info()[1],
        )


def _file_handler(settings: LogSettings, path: Path, environ: Mapping[str, str]) -> logging.Handler:
    in_colour = settings.color == "always" and not environ.get("NO_COLOR")
    format_record = {
        "json": formats.json_line,
        "plain": formats.plain(_DATE),
        "rich": (formats.coloured if in_colour else formats.plain)(_DATE, _EDGE),
    }[settings.format]
    try:
        return _FileHandler(path, format_record)
    except OSError as error:
        raise BadLogFile(
            f"log.file: {path}: cannot be opened ({error.strerror}); "
            "create its folder, and let the daemon's user write there"
        ) from error


def _console(stream: TextIO, color: str, environ: Mapping[str, str]) -> Console:
    no_color = _is_colourless(color, environ)
    always = True if color == "always" and not no_color else None
    return Console(
        file=stream,
        no_color=no_color,
        force_terminal=always,
        highlight=False,
        markup=False,
        _environ=environ,
    )


def _is_colourless(color: str, environ: Mapping[str, str]) -> bool:
    return bool(environ.get("NO_COLOR")) or color == "never"


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether systemd connected the stream to the journal, see systemd.exec(5)."""
    try:
        where = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{where.st_dev}:{where.st_ino}"
