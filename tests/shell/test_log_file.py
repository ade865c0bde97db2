"""The log file, and settings that change while the log is open."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from fishd.host.log.logs import BadLogFile, set_up_logs
from tests.shell.captured_log import CONTRACT, LOG, Settings, logging_to, without_colour
from tests.shell.fake_terminal import FakeTerminal

COLOUR = "\x1b[1;33m"  # a warning's


def test_lines_in_the_file_are_neither_coloured_nor_wrapped(tmp_path: Path) -> None:
    """Their length does not matter."""
    path = tmp_path / "fishd.log"
    long = CONTRACT[0] + " long" * 100
    with logging_to(io.StringIO(), Settings(file=str(path))):
        LOG.info(long)
    (line,) = path.read_text().splitlines()
    assert line[19:] == f" INFO    │ {long}"


def test_the_file_is_coloured_on_request(tmp_path: Path) -> None:
    """`color = "always"` is for `tail -f`."""
    path = tmp_path / "fishd.log"
    with logging_to(io.StringIO(), Settings(file=str(path), color="always")):
        LOG.info(CONTRACT[0])
    assert "\x1b[" in path.read_text()
    assert without_colour(path.read_text()).endswith(f"│ {CONTRACT[0]}\n")


def test_no_color_overrides_the_setting_for_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fishd.log"
    with logging_to(io.StringIO(), Settings(file=str(path), color="always"), NO_COLOR="1"):
        LOG.info(CONTRACT[0])
    assert "\x1b" not in path.read_text()


def test_the_file_is_reopened_after_logrotate(tmp_path: Path) -> None:
    """The next line after a rename starts a new file."""
    path = tmp_path / "fishd.log"
    with logging_to(io.StringIO(), Settings(file=str(path), format="plain")):
        LOG.info("before")
        path.rename(tmp_path / "fishd.log.1")
        LOG.info("after")
    assert (tmp_path / "fishd.log.1").read_text().endswith("before\n")
    assert path.read_text()[28:] == "after\n"


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
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


def test_a_file_that_is_removed_is_reported_once_and_created_again(tmp_path: Path) -> None:
    """A log that cannot be written does not stop the daemon."""
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


def test_new_settings_are_applied_without_a_restart(tmp_path: Path) -> None:
    """They are level, format and file."""
    stream = io.StringIO()
    with logging_to(stream) as logs:
        logs.change(Settings(level="warning", format="json", file=str(tmp_path / "new.log")))
        LOG.info("below the level")
        LOG.warning("logged")
    assert json.loads(stream.getvalue())["message"] == "logged"
    assert json.loads((tmp_path / "new.log").read_text())["message"] == "logged"


def test_new_settings_change_the_colour() -> None:
    """They apply to a terminal too."""
    stream = FakeTerminal()
    with logging_to(stream) as logs:
        for color in ("never", "auto"):
            logs.change(Settings(color=color))
            LOG.warning("[Main] a %s line", color)
    plain, coloured = stream.getvalue().splitlines()
    assert (False, True) == (COLOUR in plain, COLOUR in coloured)


def test_bad_new_settings_change_nothing(tmp_path: Path) -> None:
    """If the new file cannot be opened, the old log continues."""
    stream = io.StringIO()
    with logging_to(stream) as logs:
        with pytest.raises(BadLogFile):
            logs.change(replace(Settings(), level="error", file=str(tmp_path)))
        LOG.info("still logged")
    assert stream.getvalue().endswith("still logged\n")


def test_close_restores_the_handlers_and_levels() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("fishd").level)
    with logging_to(io.StringIO()):
        assert list(root.handlers) != before[0]
    assert (list(root.handlers), root.level, logging.getLogger("fishd").level) == before
