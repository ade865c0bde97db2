"""How one log record is written: for people with and without colour, for journald, for programs.

The message's own text is never changed, wrapped or read as markup: `[GPU 0] …` stays what it is. Only what
a terminal would obey (escapes, bidi overrides) is written out. A message of several lines, such as a
traceback, goes on indented, so that no line of it can pass for another record.
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
BOUND = ("job", "segment", "worker")  # what `extra` may say of a record

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
Line = Callable[[logging.LogRecord], str]  # what a record looks like


def message_lines(record: logging.LogRecord) -> list[str]:
    """The message, and its traceback if it has one, as safe single lines."""
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + logging.Formatter().formatException(record.exc_info)
    return [to_printable(line) for line in message.expandtabs().splitlines()] or [""]


def pieces(record: logging.LogRecord, clock: str, edge: str = "") -> Iterator[Piece]:
    """The record as styled pieces; joined, they are its line. `edge` stands between head and words."""
    style = _LEVELS.get(record.levelno, _PLAIN)
    first, *rest = message_lines(record)
    at = time.strftime(clock, time.localtime(record.created))
    yield f"{at} ", _DIM
    yield f"{record.levelname:<8}", style
    yield edge, _DIM
    yield from _spans(first, style if record.levelno >= logging.WARNING else _PLAIN)
    margin = " " * (len(at) + 9) + edge + "  " if edge else INDENT
    for line in rest:
        yield f"\n{margin}{line}", _DIM


def plain(clock: str, edge: str = "") -> Line:
    """For files, pipes and job.log."""
    return lambda record: "".join(text for text, _ in pieces(record, clock, edge))


def coloured(clock: str, edge: str = "") -> Line:
    """For a file that is looked at with `tail -f` or `less -R`."""

    def line(record: logging.LogRecord) -> str:
        system = ColorSystem.STANDARD
        return "".join(style.render(text, color_system=system) for text, style in pieces(record, clock, edge))

    return line


def rich_text(record: logging.LogRecord, clock: str) -> Text:
    """For a console."""
    return Text.assemble(*pieces(record, clock))


def journal(record: logging.LogRecord) -> str:
    """For journald, which knows the time: each line opens with its priority, as sd-daemon(3) says."""
    priority = f"<{_SYSLOG.get(record.levelno, 6)}>"
    first, *rest = message_lines(record)
    return "\n".join([priority + first, *(f"{priority}{INDENT}{line}" for line in rest)])


def json_line(record: logging.LogRecord) -> str:
    """For programs: one object a line."""
    lines = message_lines(record)
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    said: dict[str, object] = {
        "at": f"{seconds}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": "\n".join(lines),
    }
    for key in BOUND:
        value = getattr(record, key, None)
        if value is not None:
            said[key] = encodable(value) if isinstance(value, str) else value
    return msgspec.json.encode(said).decode()


def journal_json(record: logging.LogRecord) -> str:
    """For programs that read the journal."""
    return f"<{_SYSLOG.get(record.levelno, 6)}>{json_line(record)}"


def _spans(line: str, style: Style) -> Iterator[Piece]:
    at = 0
    for match in _SPANS.finditer(line):
        if match.start() > at:
            yield line[at : match.start()], style
        yield match.group(), style + (_TAG if match.lastgroup == "tag" else _QUOTED)
        at = match.end()
    if at < len(line):
        yield line[at:], style
