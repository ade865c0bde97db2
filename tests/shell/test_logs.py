"""The log on every kind of stream."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fishd.host.log.logs import BadLogFile, Logs, set_up_logs

CONTRACT = (
    "[GPU 0] NVIDIA GeForce RTX 4090, Total Memory: 24.00 GB",
    "[GPU 0] Can run 2 workers (Available: 21.60 GB)",
    "[Main] Using 2 parallel workers across 1 GPU(s)",
    "[Main] GPU 0: 2 workers",
    "[Main] Launching Worker 0 on GPU 0 for Speaker 0",
)
LOG = logging.getLogger("fishd.test")
COLOUR = "\x1b[1;33m"  # a warning's


@dataclass(frozen=True)
class Settings:
    level: str = "info"
    file: str = ""
    color: str = "auto"
    format: str = "rich"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def logging_to(
    stream: io.StringIO,
    settings: Settings = Settings(),
    **environ: str,
) -> Iterator[Logs]:
    logs = set_up_logs(settings, stream, {"TERM": "xterm-256color", "COLUMNS": "60", **environ})
    try:
        yield logs
    finally:
        logs.close()


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_contract_lines_appear_exactly_off_a_terminal() -> None:
    """A pipe gets date, time, level and the message as it was."""
    stream = io.StringIO()
    with logging_to(stream):
        for line in CONTRACT:
            LOG.info(line)
    assert [line[28:] for line in stream.getvalue().splitlines()] == list(CONTRACT)


def test_contract_lines_appear_exactly_on_a_terminal() -> None:
    """Colour is added around the text of a line, never in place of any of it."""
    stream = Terminal()
    with logging_to(stream):
        for line in CONTRACT:
            LOG.info(line)
    assert "\x1b[" in stream.getvalue()
    assert [line[17:] for line in without_colour(stream.getvalue()).splitlines()] == list(CONTRACT)


def test_long_lines_are_not_wrapped_on_a_terminal() -> None:
    """A line longer than the terminal stays one line; the terminal itself folds it."""
    stream = Terminal()
    with logging_to(stream):
        LOG.info("word " * 100)
    assert len(stream.getvalue().splitlines()) == 1


def test_markup_in_a_message_is_shown() -> None:
    """Square brackets in a name are not interpreted by rich."""
    stream = Terminal()
    with logging_to(stream):
        LOG.info("job [red]x[/red] :fish: [link=http://x]y[/link]")
    assert "job [red]x[/red] :fish: [link=http://x]y[/link]" in without_colour(stream.getvalue())


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["pipe", "terminal"])
def test_control_characters_are_escaped(stream: io.StringIO) -> None:
    """Escapes, bells and bidi overrides in a name cannot reach the terminal."""
    with logging_to(stream):
        LOG.info("job %s", "\x1b[2J\x07\u202ename\x9b1m")
    assert r"job \x1b[2J\x07\u202ename\x9b1m" in without_colour(stream.getvalue())


def test_a_newline_in_a_name_cannot_forge_a_line() -> None:
    """What follows a line break is indented, so that it does not look like a record."""
    stream = io.StringIO()
    with logging_to(stream):
        LOG.info("job %s", "x\n2026-01-01 00:00:00 INFO    [Main] forged")
    assert stream.getvalue().splitlines()[1] == "    2026-01-01 00:00:00 INFO    [Main] forged"


def test_no_color_is_honoured_on_a_terminal() -> None:
    """NO_COLOR leaves the lines without a colour code."""
    stream = Terminal()
    with logging_to(stream, NO_COLOR="1"):
        LOG.info(CONTRACT[0])
    assert "\x1b[3" not in stream.getvalue()


def test_color_always_colours_a_pipe() -> None:
    """`color = "always"` is for pipes into `less -R`."""
    stream = io.StringIO()
    with logging_to(stream, Settings(color="always")):
        LOG.info(CONTRACT[0])
    assert "\x1b[" in stream.getvalue()


def test_color_never_leaves_a_terminal_uncoloured() -> None:
    """`color = "never"` wins over a terminal."""
    stream = Terminal()
    with logging_to(stream, Settings(color="never")):
        LOG.info(CONTRACT[0])
    assert "\x1b[3" not in stream.getvalue()


def test_tracebacks_are_indented_below_their_message() -> None:
    """So that its lines cannot be mistaken for other records."""
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


def test_levels_below_the_setting_are_not_logged() -> None:
    """The level is that of fishd's own loggers; libraries log only warnings."""
    stream = io.StringIO()
    with logging_to(stream, Settings(level="debug")):
        LOG.debug("ours")
        logging.getLogger("someone.else").info("theirs")
        logging.getLogger("someone.else").warning("amiss")
    assert [line[28:] for line in stream.getvalue().splitlines()] == ["ours", "amiss"]


def test_json_lines_have_the_bound_fields() -> None:
    """`format = "json"`: one object per line, with job, segment and worker."""
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
def journal(tmp_path: Path, settings: Settings = Settings()) -> Iterator[Path]:
    path = tmp_path / "journal"
    with path.open("w") as stream:
        where = os.fstat(stream.fileno())
        logs = set_up_logs(settings, stream, {"JOURNAL_STREAM": f"{where.st_dev}:{where.st_ino}"})
        try:
            yield path
        finally:
            logs.close()


def test_the_journal_gets_priorities_and_no_times(tmp_path: Path) -> None:
    """journald adds the time, and takes the priority from the beginning of each line."""
    with journal(tmp_path) as path:
        LOG.info(CONTRACT[0])
        LOG.warning("two\nlines")
        LOG.critical("end")
        assert path.read_text().splitlines() == [f"<6>{CONTRACT[0]}", "<4>two", "<4>    lines", "<2>end"]


def test_the_journal_takes_json_too(tmp_path: Path) -> None:
    """`format = "json"` applies in the journal too, after the priority."""
    with journal(tmp_path, Settings(format="json")) as path:
        LOG.error("no")
        priority, record = path.read_text()[:3], path.read_text()[3:]
    assert (priority, json.loads(record)["message"]) == ("<3>", "no")


def test_another_streams_journal_is_not_ours() -> None:
    """JOURNAL_STREAM is inherited by children whose stderr goes elsewhere."""
    stream = io.StringIO()
    with logging_to(stream, JOURNAL_STREAM="1:2"):
        LOG.info("hello")
    assert not stream.getvalue().startswith("<")


def test_the_file_is_plain_and_unwrapped(tmp_path: Path) -> None:
    """`[log] file` holds each message on one line, without escapes, whatever its length."""
    path = tmp_path / "fishd.log"
    long = CONTRACT[0] + " long" * 100
    with logging_to(io.StringIO(), Settings(file=str(path))):
        LOG.info(long)
    (line,) = path.read_text().splitlines()
    assert line[19:] == f" INFO    │ {long}"


def test_the_file_is_coloured_on_request(tmp_path: Path) -> None:
    """`color = "always"`: for `tail -f`; the text between the codes is the same."""
    path = tmp_path / "fishd.log"
    with logging_to(io.StringIO(), Settings(file=str(path), color="always")):
        LOG.info(CONTRACT[0])
    assert "\x1b[" in path.read_text()
    assert without_colour(path.read_text()).endswith(f"│ {CONTRACT[0]}\n")


def test_no_color_holds_for_the_file(tmp_path: Path) -> None:
    """NO_COLOR is stronger than `color = "always"`."""
    path = tmp_path / "fishd.log"
    with logging_to(io.StringIO(), Settings(file=str(path), color="always"), NO_COLOR="1"):
        LOG.info(CONTRACT[0])
    assert "\x1b" not in path.read_text()


def test_the_file_is_reopened_after_logrotate(tmp_path: Path) -> None:
    """A moved file is not written any more; the next line starts a new one."""
    path = tmp_path / "fishd.log"
    with logging_to(io.StringIO(), Settings(file=str(path), format="plain")):
        LOG.info("before")
        path.rename(tmp_path / "fishd.log.1")
        LOG.info("after")
    assert (tmp_path / "fishd.log.1").read_text().endswith("before\n")
    assert path.read_text()[28:] == "after\n"


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The message names the key, the path and the fix."""
    before = list(logging.getLogger().handlers)
    path = tmp_path / "missing" / "fishd.log"
    with pytest.raises(BadLogFile) as caught:
        set_up_logs(Settings(file=str(path)), io.StringIO(), {})
    assert str(caught.value) == (
        f"log.file: {path}: cannot be opened (No such file or directory); "
        "create its folder, and let the daemon's user write there"
    )
    assert logging.getLogger().handlers == before


def test_a_file_that_vanishes_is_reported_once_and_created_again(tmp_path: Path) -> None:
    """A log that cannot be written never stops its daemon."""
    folder = tmp_path / "logs"
    folder.mkdir()
    stream = io.StringIO()
    with logging_to(stream, Settings(file=str(folder / "fishd.log"))):
        (folder / "fishd.log").unlink()
        folder.rmdir()
        LOG.info("one")
        LOG.info("two")
        folder.mkdir()
        LOG.info("three")
    assert stream.getvalue().count("cannot be written") == 1
    assert (folder / "fishd.log").read_text().endswith("three\n")


def test_new_settings_take_effect(tmp_path: Path) -> None:
    """A reload changes level, format and file in place."""
    stream = io.StringIO()
    with logging_to(stream) as logs:
        logs.change(Settings(level="warning", format="json", file=str(tmp_path / "new.log")))
        LOG.info("unheard")
        LOG.warning("heard")
    assert json.loads(stream.getvalue())["message"] == "heard"
    assert json.loads((tmp_path / "new.log").read_text())["message"] == "heard"


def test_colour_changes_with_the_settings() -> None:
    """The terminal's too, without a restart."""
    stream = Terminal()
    with logging_to(stream) as logs:
        for color in ("never", "auto"):
            logs.change(Settings(color=color))
            LOG.warning("[Main] a %s line", color)
    without, with_colour = stream.getvalue().splitlines()
    assert (False, True) == (COLOUR in without, COLOUR in with_colour)


def test_bad_new_settings_change_nothing(tmp_path: Path) -> None:
    """If the new file cannot be opened, the old log continues."""
    stream = io.StringIO()
    with logging_to(stream) as logs:
        with pytest.raises(BadLogFile):
            logs.change(replace(Settings(), level="error", file=str(tmp_path)))
        LOG.info("still here")
    assert stream.getvalue().endswith("still here\n")


def test_close_leaves_logging_as_it_was() -> None:
    """Tests and tools may set logs up and close them again."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("fishd").level)
    with logging_to(io.StringIO()):
        assert list(root.handlers) != before[0]
    assert (list(root.handlers), root.level, logging.getLogger("fishd").level) == before


def test_a_real_terminal_is_recognised() -> None:
    """A pseudo-terminal gets colour."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        logs = set_up_logs(Settings(), stream, {"TERM": "xterm-256color"})
        LOG.info("hello")
        logs.close()
        assert b"\x1b[" in os.read(leader, 1000)
    os.close(leader)
