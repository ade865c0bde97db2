"""Workers that are killed by the daemon, and workers whose daemon is killed."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fishd.pool.pool import WorkerExited
from fishd.wire.channel import encode
from fishd.wire.messages import Load, Progress, Ready
from tests.faults.live_workers import ENV, LiveWorkers, run
from tests.shell.cli import LIMIT_S, ROOT

ORPHAN_LIMIT_S = 2.0


def test_a_worker_stopped_by_a_signal_can_be_killed(tmp_path: Path) -> None:
    """The reason of the exit is that of the kill."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"hang": "steps"})
        workers.speak(worker, "hang")
        await workers.receive(Progress)
        workers.process(worker).suspend()
        workers.pool.kill(worker, "hung: no progress for 60 s")
        assert WorkerExited(worker, "ended", "hung: no progress for 60 s") == await workers.exited()

    run(tmp_path, scenario)


def test_a_worker_that_hangs_while_it_loads_can_be_killed(tmp_path: Path) -> None:
    """It is not ready yet."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(load="hang", says="loading")
        await workers.printed("loading")
        workers.pool.kill(worker, "was not ready within 600 s")
        assert WorkerExited(worker, "ended", "was not ready within 600 s") == await workers.exited()

    run(tmp_path, scenario)


def test_a_worker_in_a_busy_loop_can_be_killed(tmp_path: Path) -> None:
    """Its step never returns."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"hang": "hang"}, says="working")
        await workers.printed("working")
        workers.speak(worker, "hang")
        await workers.printed("working")
        workers.pool.kill(worker, "hung")
        assert WorkerExited(worker, "ended", "hung") == await workers.exited()

    run(tmp_path, scenario)


def test_a_worker_killed_before_its_process_exists_is_reported_as_exited(tmp_path: Path) -> None:
    """The kill follows the start immediately."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start()
        workers.pool.kill(worker, "no longer wanted")
        assert WorkerExited(worker, "ended", "no longer wanted") == await workers.exited()

    run(tmp_path, scenario)


def test_a_kill_also_kills_the_workers_own_children(tmp_path: Path) -> None:
    """An engine may have started processes."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(grandchild=True, env={"NOOP_GRANDCHILD": str(tmp_path / "pid")})
        await workers.receive(Ready)
        grandchild = psutil.Process(int((tmp_path / "pid").read_text()))
        workers.pool.kill(worker, "enough")
        await workers.exited()
        _, left = await asyncio.to_thread(psutil.wait_procs, [grandchild], LIMIT_S)
        assert [] == [process for process in left if process.status() != psutil.STATUS_ZOMBIE]

    run(tmp_path, scenario)


def test_a_daemon_that_crashes_kills_its_workers(tmp_path: Path) -> None:
    """An exception in another task cancels the TaskGroup."""
    pids: list[int] = []

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready()
        pids.append(workers.process(worker).pid)
        raise RuntimeError("crash")

    with pytest.raises(ExceptionGroup):
        run(tmp_path, scenario)
    assert [False] == [psutil.pid_exists(pid) for pid in pids]


PARENT = """
import asyncio, sys
from pathlib import Path
from tests.faults.live_workers import LiveWorkers, collecting_lines
from fishd.wire.messages import Ready, Progress

async def main():
    async with asyncio.TaskGroup() as group:
        workers = LiveWorkers(group, Path(sys.argv[1]))
        with collecting_lines(workers):
            await scenario(workers)

async def scenario(workers):
    idle = await workers.start_ready()
    stepping = await workers.start_ready(faults={"steps": "steps"})
    hanging = await workers.start_ready(faults={"hang": "hang"}, says="hanging")
    loading = workers.start(load="hang", says="loading")
    await workers.printed("loading")
    stopped = await workers.start_ready()
    workers.process(stopped).suspend()
    workers.speak(stepping, "steps")
    await workers.receive(Progress)
    workers.speak(hanging, "hang")
    await workers.printed("hanging")
    print(*(workers.pool.pid(w) for w in (idle, stepping, hanging, loading, stopped)), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_no_worker_survives_a_killed_daemon(tmp_path: Path) -> None:
    """Idle, stepping, hanging, loading and stopped workers all exit within 2 s."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, **ENV},
        cwd=ROOT,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        processes = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert 5 == len(processes)
        parent.kill()
        _, left = psutil.wait_procs(processes, timeout=ORPHAN_LIMIT_S)
    assert [] == [process for process in left if process.status() != psutil.STATUS_ZOMBIE]


def test_a_worker_whose_parent_died_before_it_started_exits(tmp_path: Path) -> None:
    """Nothing would ever stop it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(encode(Load(0, "tests.engines.noop:factory", "cpu", {"load": "hang"})))
        command = [sys.executable, "-m", "fishd.worker", str(theirs.fileno()), "1"]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()], env={**os.environ, **ENV}) as worker:
            try:
                assert 0 == worker.wait(LIMIT_S)
            finally:
                worker.kill()
