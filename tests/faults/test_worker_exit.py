"""Worker processes that exit, crash or send invalid messages: the reason that the pool reports."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import pytest

from fishd.pool.pool import WorkerExited
from fishd.wire.messages import Progress, Ready
from tests.faults.live_workers import LiveWorkers, run


def test_a_worker_killed_from_outside_is_reported_with_the_signal(tmp_path: Path) -> None:
    """It is speaking a take."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"hang": "steps"})
        workers.speak(worker, "hang")
        await workers.receive(Progress)
        workers.process(worker).kill()
        assert WorkerExited(worker, "ended", "the process was killed by SIGKILL") == await workers.exited()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("exit", "ended", "the process exited with status 3"),
        ("kill", "ended", "the process was killed by SIGKILL"),
        ("raise", "engine", "the noop engine was told to raise"),
        ("out of memory", "out of memory", "the noop engine was told to run out of memory"),
    ],
)
def test_an_exit_during_a_take_has_its_reason(tmp_path: Path, fault: str, kind: str, reason: str) -> None:
    """It is an exit status, a signal, an exception or out of memory."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": fault})
        workers.speak(worker, "bad")
        end = await workers.exited()
        assert (worker, kind, reason) == (end.worker, end.kind, end.reason)
        assert (kind == "out of memory") == bool(end.needs_gb)

    run(tmp_path, scenario)


def test_the_stack_of_a_segmentation_fault_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The lines have the worker's name."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": "segv"})
        workers.speak(worker, "bad")
        assert "SIGSEGV" in (await workers.exited()).reason

    with caplog.at_level(logging.INFO):
        run(tmp_path, scenario)
    assert "[Worker 0] Fatal Python error: Segmentation fault" in caplog.messages


@pytest.mark.parametrize(
    ("how", "kind", "reason"),
    [
        ("exit", "ended", "the process exited with status 3"),
        ("raise", "load", "the noop engine was told to raise"),
        ("out of memory", "out of memory", "the noop engine was told to run out of memory"),
        ("kill", "ended", "the process was killed by SIGKILL"),
    ],
)
def test_an_exit_while_loading_has_its_reason(tmp_path: Path, how: str, kind: str, reason: str) -> None:
    """The worker was never ready."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(load=how)
        end = await workers.exited()
        assert (worker, kind, reason) == (end.worker, end.kind, end.reason)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        ("no.such:factory", "engine 'no.such:factory': No module named 'no'; is its package installed?"),
        ("tests.engines.noop:no_such", "engine 'tests.engines.noop:no_such': tests.engines.noop has no"),
    ],
)
def test_a_missing_engine_is_named(tmp_path: Path, engine: str, reason: str) -> None:
    """The reason says why it cannot be imported."""

    async def scenario(workers: LiveWorkers) -> None:
        workers.start(engine=engine)
        end = await workers.exited()
        assert "load" == end.kind
        assert end.reason.startswith(reason)

    run(tmp_path, scenario)


def test_a_worker_that_cannot_start_is_reported_with_its_last_line(tmp_path: Path) -> None:
    """A worker that cannot import its own modules sends no message."""

    async def scenario(workers: LiveWorkers) -> None:
        workers.start(env={"PYTHONPATH": str(tmp_path)})
        end = await workers.exited()
        assert "status 1; it last printed: " in end.reason
        assert "broken on purpose" in end.reason

    (tmp_path / "msgspec.py").write_text("raise ImportError('broken on purpose')", encoding="utf-8")
    run(tmp_path, scenario)


def test_a_process_that_cannot_be_started_is_an_exit(tmp_path: Path) -> None:
    """Its environment is larger than the kernel permits."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(env={"TOO_LONG": "x" * 10_000_000})
        end = await workers.exited()
        assert (worker, "load") == (end.worker, end.kind)
        assert "the process cannot be started: " in end.reason

    run(tmp_path, scenario)


def test_a_corrupt_frame_kills_the_worker(tmp_path: Path) -> None:
    """An engine may have written into the socket."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": "corrupt"})
        workers.speak(worker, "bad")
        end = await workers.exited()
        assert (worker, "wire") == (end.worker, end.kind)
        assert "it sent an invalid message" in end.reason

    run(tmp_path, scenario)


def test_an_exit_is_reported_although_a_grandchild_holds_the_workers_pipes(tmp_path: Path) -> None:
    """It inherited them from the worker."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(grandchild=True, env={"NOOP_GRANDCHILD": str(tmp_path / "pid")})
        await workers.receive(Ready)
        workers.process(worker).kill()
        assert WorkerExited(worker, "ended", "the process was killed by SIGKILL") == await workers.exited()

    run(tmp_path, scenario)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_an_unexpected_message_kills_the_worker(tmp_path: Path) -> None:
    """The message is a second Ready."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": "ready again"})
        workers.speak(worker, "bad")
        end = await workers.exited()
        assert ("wire", "it sent an invalid message: Ready again") == (end.kind, end.reason)

    run(tmp_path, scenario)
