"""`fishd reload` and the file watch both cause reloads: which outcome belongs to which request."""

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
from tests.daemon.fake_nvml_daemon import FileNvml

LIMIT_S = 20.0
REQUESTED_AT = "2026-01-01T00:00:01.000Z"
BEFORE = Status("1", 1, "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", "running", "noop", "/spool")


def test_an_outcome_that_was_read_before_the_request_is_not_its_answer() -> None:
    """The file watch may report an earlier version of the file in between."""
    of_the_watch = msgspec.structs.replace(
        BEFORE, reloads=1, config_faults=("bad",), config_read_at="2026-01-01T00:00:00.999Z"
    )
    of_the_request = msgspec.structs.replace(BEFORE, reloads=2, config_read_at=REQUESTED_AT)
    statuses = iter([None, BEFORE, of_the_watch, of_the_watch, of_the_request])

    assert of_the_request == wait_for_outcome(lambda: next(statuses), REQUESTED_AT, pause=lambda _: None)


def test_the_outcome_of_a_queued_reload_has_the_time_at_which_the_file_was_read(tmp_path: Path) -> None:
    """Each outcome describes the file as it was then or later, not at the request."""
    clock = itertools.count()
    times_of_reading: list[int] = []
    both_are_requested = threading.Event()

    def read() -> Config:
        assert both_are_requested.wait(LIMIT_S)
        times_of_reading.append(next(clock))
        raise BadConfig(())

    async def reload_twice() -> list[ConfigRead]:
        outcomes: list[ConfigRead] = []
        both_are_read = asyncio.Event()

        def post(message: ConfigRead | GpusChanged) -> None:
            assert isinstance(message, ConfigRead)
            outcomes.append(message)
            if len(outcomes) == 2:
                both_are_read.set()

        environment = Environment(FileNvml(tmp_path / "gpus"), {}, read, now=lambda: next(clock))
        reloader = ConfigReloader(Config(), environment, tmp_path, list, post)
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
            running = group.create_task(reloader.run())
            for _ in range(2):
                reloader.request()
            group.create_task(asyncio.to_thread(both_are_requested.set))
            await both_are_read.wait()
            running.cancel()
        return outcomes

    first, second = asyncio.run(reload_twice())
    assert [rfc3339(0), rfc3339(2)] == [first.read_at, second.read_at]
    assert [1, 3] == times_of_reading
