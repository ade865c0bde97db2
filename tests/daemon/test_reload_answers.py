"""`fishd reload` and the watch on the file both ask for reloads: which outcome answers which."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from fishd.cli.reload import outcome
from fishd.core.config import BadConfig, Config
from fishd.core.result import Status
from fishd.daemon.clock import rfc3339
from fishd.daemon.mail import Reloaded
from fishd.daemon.reloading import Reloading, Surroundings
from tests.daemon.with_cards import FileNvml

ASKED_AT = "2026-01-01T00:00:01.000Z"
BEFORE = Status("1", 1, "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", "running", "noop", "/spool")


def test_what_was_read_before_the_asking_is_no_answer() -> None:
    """The watch's outcome, of a file that was mended since, may come in between."""
    watchs = msgspec.structs.replace(
        BEFORE, reloads=1, config_faults=("bad",), config_read_at="2026-01-01T00:00:00.999Z"
    )
    ours = msgspec.structs.replace(BEFORE, reloads=2, config_read_at=ASKED_AT)
    shown = iter([None, BEFORE, watchs, watchs, ours])

    assert ours == outcome(lambda: next(shown), ASKED_AT, pause=lambda _: None)


def test_a_reload_that_waits_its_turn_has_the_moment_of_its_turn(tmp_path: Path) -> None:
    """Not that of the asking: each outcome tells of the file as it was then, or later."""
    read_at: list[str] = []

    def read() -> Config:
        read_at.append(rfc3339(time.time()))
        raise BadConfig(())

    async def two() -> list[Reloaded]:
        outcomes: list[Reloaded] = []
        around = Surroundings(FileNvml(tmp_path / "cards"), {}, read)
        under_test = Reloading(Config(), around, tmp_path, list)
        await asyncio.gather(under_test.again(outcomes.append), under_test.again(outcomes.append))
        return outcomes

    first, second = asyncio.run(two())
    assert first.read_at <= read_at[0] <= second.read_at <= read_at[1]
