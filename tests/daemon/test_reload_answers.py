"""`fishd reload` and the file watch both cause reloads: which outcome belongs to which."""

from __future__ import annotations

import asyncio
import itertools
import threading
from pathlib import Path

import msgspec

from fishd.cli.commands.reload import wait_for_outcome
from fishd.core.config.config import BadConfig, Config
from fishd.core.model.status import Status
from fishd.core.text.timestamps import rfc3339
from fishd.daemon.config.reload import ConfigReloader, Environment
from fishd.daemon.mailbox import ConfigRead, GpusChanged
from tests.daemon.with_cards import FileNvml

LIMIT_S = 20.0
ASKED_AT = "2026-01-01T00:00:01.000Z"
BEFORE = Status("1", 1, "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", "running", "noop", "/spool")


def test_what_was_read_before_the_request_is_no_answer() -> None:
    """The file watch may report an earlier version of the file in between."""
    watchs = msgspec.structs.replace(
        BEFORE, reloads=1, config_faults=("bad",), config_read_at="2026-01-01T00:00:00.999Z"
    )
    ours = msgspec.structs.replace(BEFORE, reloads=2, config_read_at=ASKED_AT)
    shown = iter([None, BEFORE, watchs, watchs, ours])

    assert ours == wait_for_outcome(lambda: next(shown), ASKED_AT, pause=lambda _: None)


def test_a_queued_reload_has_the_time_at_which_it_read_the_file(tmp_path: Path) -> None:
    """Not the time of the request: each outcome describes the file as it was then, or later."""
    clock = itertools.count()
    moments: list[int] = []
    both_asked = threading.Event()

    def read() -> Config:
        assert both_asked.wait(LIMIT_S)
        moments.append(next(clock))
        raise BadConfig(())

    async def two() -> list[ConfigRead]:
        outcomes: list[ConfigRead] = []
        both_read = asyncio.Event()

        def post(message: ConfigRead | GpusChanged) -> None:
            assert isinstance(message, ConfigRead)
            outcomes.append(message)
            if len(outcomes) == 2:
                both_read.set()

        around = Environment(FileNvml(tmp_path / "cards"), {}, read, now=lambda: next(clock))
        under_test = ConfigReloader(Config(), around, tmp_path, list, post)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(under_test.run())
            for _ in range(2):
                under_test.request()
            group.create_task(asyncio.to_thread(both_asked.set))
            await both_read.wait()
            serving.cancel()
        return outcomes

    first, second = asyncio.run(two())
    assert [rfc3339(0), rfc3339(2)] == [first.read_at, second.read_at]
    assert [1, 3] == moments
