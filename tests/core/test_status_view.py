"""The daemon's status as text."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from fishd.core.model.status import Status
from fishd.view.status.status_view import full_status, live_line, status_line
from tests.core import report_samples as samples


def rendered(what: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, _environ={})
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined] -- a StringIO


def squeezed(text: str) -> list[str]:
    """The lines of a text, without indents and with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_systemd_line_has_jobs_segments_workers_and_the_time_left() -> None:
    """On one short line."""
    assert status_line(samples.busy()) == "2 jobs, 31/46 segments, 4 workers, 00:09 left"


def test_the_systemd_line_of_an_idle_daemon_says_so() -> None:
    """With the number of workers."""
    assert status_line(samples.idle()) == "idle, 1 worker"


@pytest.mark.parametrize(("state", "shown"), [("starting", "starting"), ("draining", "stopping")])
def test_the_systemd_line_names_any_state_but_running(state: str, shown: str) -> None:
    """So that a slow start or stop is visible."""
    status = msgspec.structs.replace(samples.idle(), state=state)
    assert status_line(status) == f"{shown}, 1 worker"


def test_the_live_line_has_jobs_segments_failures_workers_and_the_time_left() -> None:
    """With a progress bar."""
    line = rendered(live_line(samples.busy()))
    assert line == (" 2 jobs · 31/46 segments ━━━━━━━━━━━━━┄┄┄┄┄┄ · 1 failed · 4 workers · 9 s left\n")


@pytest.mark.parametrize("width", [10, 30, 50, 79, 80, 81, 200])
@pytest.mark.parametrize("sample", [samples.busy, samples.idle])
def test_the_live_line_fits_every_terminal(width: int, sample: object) -> None:
    """It is always a single line, so that the terminal does not scroll."""
    line = rendered(live_line(sample()), width)  # type: ignore[operator] -- a function
    assert line.count("\n") == 1
    assert cell_len(line.rstrip("\n")) <= width


def test_the_live_line_of_an_idle_daemon_counts_incomplete_bundles() -> None:
    """They wait in the inbox."""
    status = msgspec.structs.replace(samples.idle(), waiting=2)
    assert rendered(live_line(status)) == " idle · 1 worker · 1 job done · 2 incomplete in the inbox\n"


def test_the_live_line_of_a_stopping_daemon_counts_the_takes_to_finish() -> None:
    """The stop waits for them."""
    status = msgspec.structs.replace(samples.busy(), state="draining")
    assert "stopping · 2 jobs" in rendered(live_line(status))
    assert "16 takes to finish" in rendered(live_line(status))


def test_the_status_shows_jobs() -> None:
    """Name, as commands take it, state, segments, rate and time left; and incomplete bundles."""
    rows = squeezed(rendered(full_status(samples.busy())))
    assert "episode speaking 25/34 ━━━━━━━┄┄┄ ×22.4 9 s" in rows
    assert "1 incomplete bundle in the inbox" in rows


def test_the_status_shows_workers_with_their_last_fault() -> None:
    """Device, state, slots, takes, memory and restarts; the fault below the table."""
    rows = squeezed(rendered(full_status(samples.busy())))
    assert "Worker 2 cuda:1 draining 1/4 640 7.9 GB 2" in rows
    assert "! Worker 2: out of memory; runs with 4 slots" in rows


def test_the_status_shows_gpus() -> None:
    """With their workers and the memory in use."""
    assert "GPU 0 NVIDIA GeForce RTX 4090 2 15.1 of 24.0 GB ━━━━━━┄┄┄┄" in squeezed(
        rendered(full_status(samples.busy()))
    )


def test_the_status_shows_the_last_errors() -> None:
    """With time and place."""
    rows = squeezed(rendered(full_status(samples.busy())))
    assert "✗ 2026-11-22 14:02:51 config.toml: pool.max_takes: is 0; give it 1 or more" in rows


def test_the_status_of_a_daemon_that_is_gone_says_so() -> None:
    """It shows no workers, as they exited with the daemon."""
    text = rendered(full_status(samples.busy(), "the daemon is gone; start it with `fishd run`"))
    assert "○ not running" in text
    assert "! the daemon is gone; start it with `fishd run`" in text
    assert "Workers" not in text


def test_the_status_without_gpus_and_errors_has_no_sections_for_them() -> None:
    """Jobs and workers always have one."""
    text = rendered(full_status(samples.idle()))
    assert "Jobs\n  none\n" in text
    assert "GPUs" not in text
    assert "Last errors" not in text


def test_the_status_fits_eighty_cells() -> None:
    """Long names are cut, and control characters are written out."""
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
    text = rendered(full_status(status))
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
