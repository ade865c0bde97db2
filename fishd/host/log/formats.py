"""Format one log record: for people with and without colour, for journald, for programs.

The text of a message is never changed, wrapped or read as markup: `[GPU 0] …` stays as it is. Only what a
terminal would interpret (escapes, bidi overrides) is escaped. The further lines of a message, such as those
of a traceback, are indented, so that none can be mistaken for another record.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator

import msgspec
from rich.color import ColorSystem
from rich.style import Style
from rich.text import Text

from fishd.core.text.printable import encodable, to_printable

INDENT = "    "
BOUND = ("job", "segment", "worker")  # keys of `extra`

_LEVELS = {
    logging.DEBUG: Style(color="bright_black"),
    logging.INFO: Style(color="green"),
    logging.WARNING: Style(color="yellow", bold=True),
    logging.ERROR: Style(color="red", bold=True),
    logging.CRITICAL: Style(color="white", bgcolor="red", bold=True),
}
_DIM = Style(color="bright_black")
_TAG = Style(color="cyan", bold=True)
_QUOTED = Style(color="magenta")
_PLAIN = Style()
_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_SPANS = re.compile(r"(?P<tag>^\[[^\]]{1,40}\])|(?P<quoted>'[^']{1,200}'|\"[^\"]{1,200}\")")

Piece = tuple[str, Style]
Format = Callable[[logging.LogRecord], str]


def message_lines(record: logging.LogRecord) -> list[str]:
    """The message, and its traceback if it has one, as printable lines."""
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + logging.Formatter().formatException(record.exc_info)
    return [to_printable(line) for line in message.expandtabs().splitlines()] or [""]


def pieces(record: logging.LogRecord, clock: str, edge: str = "") -> Iterator[Piece]:
    """The record as styled pieces of text. `edge` separates time and level from the message."""
    style = _LEVELS.get(record.levelno, _PLAIN)
    first, *rest = message_lines(record)
    moment = time.strftime(clock, time.localtime(record.created))
    yield f"{moment} ", _DIM
    yield f"{record.levelname:<8}", style
    yield edge, _DIM
    yield from _spans(first, style if record.levelno >= logging.WARNING else _PLAIN)
    margin = " " * (len(moment) + 9) + edge + "  " if edge else INDENT
    for line in rest:
        yield f"\n{margin}{line}", _DIM


def plain(clock: str, edge: str = "") -> Format:
    """For files, pipes and job.log."""
    return lambda record: "".join(text for text, _ in pieces(record, clock, edge))


def coloured(clock: str, edge: str = "") -> Format:
    """For a file that is read with `tail -f` or `less -R`."""

    def line(record: logging.LogRecord) -> str:
        system = ColorSystem.STANDARD
        return "".join(style.render(text, color_system=system) for text, style in pieces(record, clock, edge))

    return line


def rich_text(record: logging.LogRecord, clock: str) -> Text:
    """For a console."""
    return Text.assemble(*pieces(record, clock))


def journal(record: logging.LogRecord) -> str:
    """For journald, which adds the time: each line starts with its priority, see sd-daemon(3)."""
    priority = f"<{_SYSLOG.get(record.levelno, 6)}>"
    first, *rest = message_lines(record)
    return "\n".join([priority + first, *(f"{priority}{INDENT}{line}" for line in rest)])


def json_line(record: logging.LogRecord) -> str:
    """For programs: one JSON object per line."""
    lines = message_lines(record)
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    fields: dict[str, object] = {
        "at": f"{seconds}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": "\n".join(lines),
    }
    for key in BOUND:
        value = getattr(record, key, None)
        if value is not None:
            fields[key] = encodable(value) if isinstance(value, str) else value
    return msgspec.json.encode(fields).decode()


def journal_json(record: logging.LogRecord) -> str:
    """For programs that read the journal."""
    return f"<{_SYSLOG.get(record.levelno, 6)}>{json_line(record)}"


def _spans(line: str, style: Style) -> Iterator[Piece]:
    end = 0
    for match in _SPANS.finditer(line):
        if match.start() > end:
            yield line[end : match.start()], style
        yield match.group(), style + (_TAG if match.lastgroup == "tag" else _QUOTED)
        end = match.end()
    if end < len(line):
        yield line[end:], style
