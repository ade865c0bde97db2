"""The live line at the bottom of a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from fishd.host.log.live_line import LiveLine
from tests.core import report_samples as samples


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def console(stream: io.StringIO, **environ: str) -> Console:
    return Console(file=stream, width=80, _environ={"TERM": "xterm", **environ})


def test_it_shows_the_state() -> None:
    """On a terminal, the latest status is in the last line."""
    stream = Terminal()
    with LiveLine(console(stream), now=lambda: 0.0) as live:
        live.update(samples.busy())
        assert "31/46 segments" in stream.getvalue().splitlines()[-1]


def test_it_is_cleared_at_its_end() -> None:
    """Nothing of it stays on the screen."""
    stream = Terminal()
    with LiveLine(console(stream), now=lambda: 0.0) as live:
        live.update(samples.busy())
    assert stream.getvalue().endswith("\x1b[2K")


def test_log_lines_go_above_it() -> None:
    """What is printed to the same console comes above the line, which is drawn again."""
    stream = Terminal()
    screen = console(stream)
    with LiveLine(screen, now=lambda: 0.0) as live:
        live.update(samples.busy())
        screen.print("a log line")
        *_, above, line = stream.getvalue().splitlines()
    assert above.endswith("a log line")
    assert "31/46 segments" in line


def test_it_is_drawn_at_most_four_times_a_second() -> None:
    """A thousand takes a second do not cause a thousand refreshes."""
    stream = Terminal()
    clock = iter(number / 100 for number in range(10_000))
    with LiveLine(console(stream), now=lambda: next(clock)) as live:
        for _ in range(100):
            live.update(samples.busy())
    assert 4 <= stream.getvalue().count("31/46 segments") <= 8


def test_off_a_terminal_it_does_nothing() -> None:
    """A pipe or a file is not written to."""
    stream = io.StringIO()
    with LiveLine(console(stream)) as live:
        live.update(samples.busy())
    assert stream.getvalue() == ""


def test_forced_colour_makes_no_live_line_in_a_pipe() -> None:
    """`color = "always"` colours a pipe, but a pipe has no last line."""
    stream = io.StringIO()
    with LiveLine(console(stream, FORCE_COLOR="1")) as live:
        live.update(samples.busy())
    assert stream.getvalue() == ""


def test_a_dumb_terminal_has_no_live_line() -> None:
    """Its cursor cannot be moved."""
    stream = Terminal()
    with LiveLine(console(stream, TERM="dumb")) as live:
        live.update(samples.busy())
    assert stream.getvalue() == ""
