"""The daemon's state as people see it."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from fishd.core.model.status import Status
from fishd.view.status.status_view import full, live_line, status_line
from tests.core import report_samples as samples


def drawn(what: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, _environ={})
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined] -- a StringIO


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_systemds_line() -> None:
    """Short, in words, with the time left."""
    assert status_line(samples.busy()) == "2 jobs, 31/46 segments, 4 workers, 00:09 left"


def test_systemds_line_when_idle() -> None:
    """Nothing to do is said, too."""
    assert status_line(samples.idle()) == "idle, 1 worker"


@pytest.mark.parametrize(("state", "said"), [("starting", "starting"), ("draining", "stopping")])
def test_systemds_line_names_what_is_not_running(state: str, said: str) -> None:
    """Who waits for a start or a stop sees it."""
    status = msgspec.structs.replace(samples.idle(), state=state)
    assert status_line(status) == f"{said}, 1 worker"


def test_the_live_line() -> None:
    """Jobs, segments with a bar, failures, workers, time left, on one line."""
    line = drawn(live_line(samples.busy()))
    assert line == (" 2 jobs · 31/46 segments ━━━━━━━━━━━━━┄┄┄┄┄┄ · 1 failed · 4 workers · 9 s left\n")


@pytest.mark.parametrize("width", [10, 30, 50, 79, 80, 81, 200])
@pytest.mark.parametrize("sample", [samples.busy, samples.idle])
def test_the_live_line_fits_every_terminal(width: int, sample: object) -> None:
    """One line, never more: it must not scroll."""
    line = drawn(live_line(sample()), width)  # type: ignore[operator] -- a function
    assert line.count("\n") == 1
    assert cell_len(line.rstrip("\n")) <= width


def test_the_live_line_when_idle() -> None:
    """An idle daemon says what waits in the inbox."""
    status = msgspec.structs.replace(samples.idle(), waiting=2)
    assert drawn(live_line(status)) == " idle · 1 worker · 1 job done · 2 incomplete in the inbox\n"


def test_the_live_line_when_stopping() -> None:
    """How much a stop still waits for."""
    status = msgspec.structs.replace(samples.busy(), state="draining")
    assert "stopping · 2 jobs" in drawn(live_line(status))
    assert "16 takes to finish" in drawn(live_line(status))


def test_the_board_shows_jobs() -> None:
    """Name, as the commands take it; state, segments, rate, time left."""
    rows = squeezed(drawn(full(samples.busy())))
    assert "episode speaking 25/34 ━━━━━━━┄┄┄ ×22.4 9 s" in rows
    assert "1 bundle in the inbox not yet complete" in rows


def test_the_board_shows_workers_with_their_last_fault() -> None:
    """Device, state, slots, takes, memory, restarts; the fault in words below."""
    rows = squeezed(drawn(full(samples.busy())))
    assert "Worker 2 cuda:1 draining 1/4 640 7.9 GB 2" in rows
    assert "! Worker 2: out of memory; runs with 4 slots" in rows


def test_the_board_shows_cards() -> None:
    """What is in use of each card's memory."""
    assert "GPU 0 NVIDIA GeForce RTX 4090 2 15.1 of 24.0 GB ━━━━━━┄┄┄┄" in squeezed(
        drawn(full(samples.busy()))
    )


def test_the_board_shows_the_last_errors() -> None:
    """Moment, place, words."""
    rows = squeezed(drawn(full(samples.busy())))
    assert "✗ 2026-11-22 14:02:51 config.toml: pool.max_takes: is 0; give it 1 or more" in rows


def test_the_board_of_a_daemon_that_is_gone_says_so() -> None:
    """Its workers went with it and are not shown as if they were there."""
    text = drawn(full(samples.busy(), "the daemon is gone; start it with `fishd run`"))
    assert "○ not running" in text
    assert "! the daemon is gone; start it with `fishd run`" in text
    assert "Workers" not in text


def test_a_board_without_cards_or_jobs() -> None:
    """A small machine has a small board."""
    text = drawn(full(samples.idle()))
    assert "none in work" in text
    assert "GPUs" not in text
    assert "Last errors" not in text


def test_the_board_fits_eighty_cells() -> None:
    """Long and hostile names are cut, not wrapped."""
    nasty = "[red]\x1b[31m" + "線" * 300
    busy = samples.busy()
    status: Status = msgspec.structs.replace(
        busy,
        spool=nasty,
        version=nasty,
        engine=nasty,
        jobs=tuple(
            msgspec.structs.replace(job, title=nasty, state=nasty, total=2_000_000) for job in busy.jobs
        ),
        workers=tuple(
            msgspec.structs.replace(each, device=nasty, state=nasty, last_fault=nasty)
            for each in busy.workers
        ),
        gpus=tuple(msgspec.structs.replace(gpu, name=nasty) for gpu in busy.gpus),
        errors=tuple(msgspec.structs.replace(error, where=nasty, what=nasty) for error in busy.errors),
    )
    text = drawn(full(status))
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
