"""The status line at the bottom of a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from fishd.host.log.live_line import LiveLine
from tests.core import report_samples as samples
from tests.shell.fake_terminal import FakeTerminal


def console(stream: io.StringIO, **environ: str) -> Console:
    return Console(file=stream, width=80, _environ={"TERM": "xterm", **environ})


def test_the_last_line_shows_the_status() -> None:
    stream = FakeTerminal()
    with LiveLine(console(stream), now=lambda: 0.0) as live:
        live.update(samples.busy())
        assert "31/46 segments" in stream.getvalue().splitlines()[-1]


def test_the_line_is_cleared_at_the_end() -> None:
    stream = FakeTerminal()
    with LiveLine(console(stream), now=lambda: 0.0) as live:
        live.update(samples.busy())
    assert stream.getvalue().endswith("\x1b[2K")


def test_log_lines_are_printed_above_the_line() -> None:
    """It is then drawn again."""
    stream = FakeTerminal()
    screen = console(stream)
    with LiveLine(screen, now=lambda: 0.0) as live:
        live.update(samples.busy())
        screen.print("a log line")
        *_, above, line = stream.getvalue().splitlines()
    assert above.endswith("a log line")
    assert "31/46 segments" in line


def test_the_line_is_drawn_at_most_four_times_a_second() -> None:
    """100 updates in a second draw it 4 to 8 times."""
    stream = FakeTerminal()
    clock = iter(number / 100 for number in range(10_000))
    with LiveLine(console(stream), now=lambda: next(clock)) as live:
        for _ in range(100):
            live.update(samples.busy())
    assert 4 <= stream.getvalue().count("31/46 segments") <= 8


def test_nothing_is_written_without_a_terminal() -> None:
    stream = io.StringIO()
    with LiveLine(console(stream)) as live:
        live.update(samples.busy())
    assert stream.getvalue() == ""


def test_nothing_is_written_to_a_pipe_with_forced_colour() -> None:
    """FORCE_COLOR colours log lines only."""
    stream = io.StringIO()
    with LiveLine(console(stream, FORCE_COLOR="1")) as live:
        live.update(samples.busy())
    assert stream.getvalue() == ""


def test_nothing_is_written_to_a_dumb_terminal() -> None:
    """Its cursor cannot be moved."""
    stream = FakeTerminal()
    with LiveLine(console(stream, TERM="dumb")) as live:
        live.update(samples.busy())
    assert stream.getvalue() == ""
