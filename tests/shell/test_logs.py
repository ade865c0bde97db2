"""The log on a pipe, on a terminal and in the systemd journal."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fishd.host.log.logs import set_up_logs
from tests.shell.captured_log import CONTRACT, LOG, Settings, logging_to, without_colour
from tests.shell.fake_terminal import FakeTerminal


def test_the_lines_of_the_contract_are_exact_in_a_pipe() -> None:
    """They follow date, time and level."""
    stream = io.StringIO()
    with logging_to(stream):
        for line in CONTRACT:
            LOG.info(line)
    assert [line[28:] for line in stream.getvalue().splitlines()] == list(CONTRACT)


def test_the_lines_of_the_contract_are_exact_on_a_terminal() -> None:
    """Only colour codes are added."""
    stream = FakeTerminal()
    with logging_to(stream):
        for line in CONTRACT:
            LOG.info(line)
    assert "\x1b[" in stream.getvalue()
    assert [line[17:] for line in without_colour(stream.getvalue()).splitlines()] == list(CONTRACT)


def test_long_lines_are_not_wrapped_on_a_terminal() -> None:
    """The terminal wraps them itself."""
    stream = FakeTerminal()
    with logging_to(stream):
        LOG.info("word " * 100)
    assert len(stream.getvalue().splitlines()) == 1


def test_markup_in_a_message_is_not_interpreted() -> None:
    """Square brackets in a name are shown as they are."""
    stream = FakeTerminal()
    with logging_to(stream):
        LOG.info("job [red]x[/red] :fish: [link=http://x]y[/link]")
    assert "job [red]x[/red] :fish: [link=http://x]y[/link]" in without_colour(stream.getvalue())


@pytest.mark.parametrize("stream", [io.StringIO(), FakeTerminal()], ids=["pipe", "terminal"])
def test_control_characters_are_escaped(stream: io.StringIO) -> None:
    """Escapes, bells and bidi overrides in a name cannot reach the terminal."""
    with logging_to(stream):
        LOG.info("job %s", "\x1b[2J\x07\u202ename\x9b1m")
    assert r"job \x1b[2J\x07\u202ename\x9b1m" in without_colour(stream.getvalue())


def test_a_newline_in_a_name_cannot_forge_a_line() -> None:
    """The text after a line break is indented, unlike a record."""
    stream = io.StringIO()
    with logging_to(stream):
        LOG.info("job %s", "x\n2026-01-01 00:00:00 INFO    [Main] forged")
    assert stream.getvalue().splitlines()[1] == "    2026-01-01 00:00:00 INFO    [Main] forged"


def test_no_color_disables_colours_on_a_terminal() -> None:
    """https://no-color.org defines the variable."""
    stream = FakeTerminal()
    with logging_to(stream, NO_COLOR="1"):
        LOG.info(CONTRACT[0])
    assert "\x1b[3" not in stream.getvalue()


def test_color_always_colours_a_pipe() -> None:
    """It may go to `less -R`."""
    stream = io.StringIO()
    with logging_to(stream, Settings(color="always")):
        LOG.info(CONTRACT[0])
    assert "\x1b[" in stream.getvalue()


def test_color_never_leaves_a_terminal_uncoloured() -> None:
    stream = FakeTerminal()
    with logging_to(stream, Settings(color="never")):
        LOG.info(CONTRACT[0])
    assert "\x1b[3" not in stream.getvalue()


def test_tracebacks_are_indented_below_their_message() -> None:
    """Its lines cannot be mistaken for other records."""
    stream = io.StringIO()
    with logging_to(stream):
        try:
            int("bad\x1b")
        except ValueError:
            LOG.exception("[Main] it failed")
    head, *rest = stream.getvalue().splitlines()
    assert head.endswith("ERROR   [Main] it failed")
    assert all(line.startswith("    ") for line in rest)
    assert rest[-1] == r"    ValueError: invalid literal for int() with base 10: 'bad\x1b'"


def test_the_level_applies_to_fishds_own_loggers_and_libraries_log_only_warnings() -> None:
    stream = io.StringIO()
    with logging_to(stream, Settings(level="debug")):
        LOG.debug("ours")
        logging.getLogger("someone.else").info("library")
        logging.getLogger("someone.else").warning("library warning")
    assert [line[28:] for line in stream.getvalue().splitlines()] == ["ours", "library warning"]


def test_json_lines_have_the_bound_fields() -> None:
    """With `format = "json"` each line is an object."""
    stream = io.StringIO()
    with logging_to(stream, Settings(format="json")):
        LOG.warning("lost\nit", extra={"job": "ep\udc80", "segment": "001", "worker": 2})
    record = json.loads(stream.getvalue())
    assert record.pop("at").endswith("Z")
    assert record == {
        "level": "warning",
        "logger": "fishd.test",
        "message": "lost\nit",
        "job": "ep\\x80",
        "segment": "001",
        "worker": 2,
    }


@contextmanager
def journal(tmp_path: Path, settings: Settings | None = None) -> Iterator[Path]:
    """A file that stands for the stream of the systemd journal."""
    path = tmp_path / "journal"
    with path.open("w") as stream:
        stat = os.fstat(stream.fileno())
        logs = set_up_logs(settings or Settings(), stream, {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
        try:
            yield path
        finally:
            logs.close()


def test_lines_in_the_journal_have_a_priority_and_no_time(tmp_path: Path) -> None:
    """journald adds the time and reads the priority at the beginning of each line."""
    with journal(tmp_path) as path:
        LOG.info(CONTRACT[0])
        LOG.warning("two\nlines")
        LOG.critical("end")
        assert path.read_text().splitlines() == [f"<6>{CONTRACT[0]}", "<4>two", "<4>    lines", "<2>end"]


def test_json_lines_in_the_journal_follow_their_priority(tmp_path: Path) -> None:
    with journal(tmp_path, Settings(format="json")) as path:
        LOG.error("no")
        priority, record = path.read_text()[:3], path.read_text()[3:]
    assert (priority, json.loads(record)["message"]) == ("<3>", "no")


def test_a_journal_stream_that_is_not_this_stream_is_ignored() -> None:
    """JOURNAL_STREAM is inherited by child processes with another stderr."""
    stream = io.StringIO()
    with logging_to(stream, JOURNAL_STREAM="1:2"):
        LOG.info("hello")
    assert not stream.getvalue().startswith("<")


def test_a_real_terminal_is_recognised() -> None:
    """Lines on a pseudo-terminal are coloured."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        logs = set_up_logs(Settings(), stream, {"TERM": "xterm-256color"})
        LOG.info("hello")
        logs.close()
        assert b"\x1b[" in os.read(leader, 1000)
    os.close(leader)
