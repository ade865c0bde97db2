"""Worker processes behind a pool: from loading to exit, and what is left afterwards."""

from __future__ import annotations

import logging
from pathlib import Path

import psutil
import pytest

from fishd.pool.pool import WorkerExited
from fishd.wire.messages import ClipWritten, Progress, Ready, Stop
from tests.faults.live_workers import LiveWorkers, run


def test_a_worker_loads_speaks_and_exits_on_request(tmp_path: Path) -> None:
    """The clip is written to the requested path."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(capacity=2, remark="Only tones.")
        ready = await workers.receive(Ready)
        assert ("noop", 16_000, 2, "Only tones.") == (
            ready.engine,
            ready.sample_rate,
            ready.slots,
            ready.remark,
        )
        workers.speak(worker, "Good evening.")
        spoken = await workers.receive(ClipWritten)
        assert ("1", (tmp_path / "1.wav").stat().st_size) == (spoken.take, spoken.size_bytes)
        workers.pool.send(worker, Stop())
        assert WorkerExited(worker, "ended", "the process exited with status 0") == await workers.exited()
        assert workers.pool.pid(worker) is None

    run(tmp_path, scenario)


def test_stop_lets_the_takes_in_flight_finish(tmp_path: Path) -> None:
    """Two takes wait at a gate when Stop is sent; both are spoken before the exit."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(capacity=2, gate=str(tmp_path / "gate"))
        workers.speak(worker, "one", "1")
        workers.speak(worker, "two", "2")
        workers.pool.send(worker, Stop())
        await workers.receive(Progress)
        (tmp_path / "gate").touch()
        assert {"1", "2"} == {(await workers.receive(ClipWritten)).take for _ in range(2)}
        assert "ended" == (await workers.exited()).kind

    run(tmp_path, scenario)


def test_a_take_is_queued_while_the_engine_is_full(tmp_path: Path) -> None:
    """Each of five takes is spoken once, in order."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(capacity=1)
        for number in range(5):
            workers.speak(worker, "good", f"{number}")
        assert ["0", "1", "2", "3", "4"] == [(await workers.receive(ClipWritten)).take for _ in range(5)]

    run(tmp_path, scenario)


def test_what_a_worker_prints_is_logged_and_does_not_disturb_its_messages(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It may print control bytes and the lines of a progress bar."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(says="stray \x00\x00\x00\x05 print\n\n  0%\r 50%\r100%")
        workers.speak(worker, "Good evening.")
        await workers.receive(ClipWritten)

    with caplog.at_level(logging.INFO):
        run(tmp_path, scenario)
    assert "[Worker 0] stray \x00\x00\x00\x05 print" in caplog.messages
    assert "[Worker 0] 100%" in caplog.messages
    assert "[Worker 0] " not in caplog.messages


def test_messages_to_a_worker_that_is_gone_are_dropped(tmp_path: Path) -> None:
    """A kill has no effect either."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(load="exit")
        await workers.exited()
        workers.speak(worker, "too late")
        workers.pool.send(worker, Stop())
        workers.pool.kill(worker, "too late")
        assert workers.posted.empty()

    run(tmp_path, scenario)


def test_messages_sent_before_a_workers_death_are_received(tmp_path: Path) -> None:
    """Ten ClipWritten are received before WorkerExited."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(capacity=20, faults={"bad": "kill"}, steps=2)
        for number in range(10):
            workers.speak(worker, "good", f"{number}")
        received = [(await workers.receive(ClipWritten)).take for _ in range(10)]
        workers.speak(worker, "bad", "last")
        assert [f"{number}" for number in range(10)] == received
        assert isinstance(await workers.exited(), WorkerExited)
        assert workers.posted.empty()

    run(tmp_path, scenario)


def test_workers_that_exit_leave_no_process_and_no_descriptor(tmp_path: Path) -> None:
    """Ten workers are started, one after the other."""

    async def scenario(workers: LiveWorkers) -> None:
        await workers.start_ready()
        workers.pool.kill(0, "first")
        await workers.exited()
        before = psutil.Process().num_fds()
        for _ in range(10):
            worker = workers.start(load="exit")
            await workers.exited()
            assert workers.pool.pid(worker) is None
        assert before == psutil.Process().num_fds()
        assert [] == psutil.Process().children()

    run(tmp_path, scenario)
