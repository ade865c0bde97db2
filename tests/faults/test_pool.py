"""Worker processes that die, hang or send garbage: what the pool reports, and that nothing is left behind."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fishd.pool.pool import WorkerExited
from fishd.wire import messages
from fishd.wire.channel import encode
from fishd.wire.messages import ClipWritten, Load, Progress, Ready, Stop
from tests.faults.live_workers import ENV, LIMIT_S, ROOT, LiveWorkers, run

ORPHAN_LIMIT_S = 2.0


def test_a_worker_loads_speaks_and_exits_when_told(tmp_path: Path) -> None:
    """The whole life of a worker; the clip is where it was requested."""

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
    """Two takes wait at a gate when the stop comes; both are spoken before the exit."""

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


def test_a_worker_killed_while_it_speaks_is_gone(tmp_path: Path) -> None:
    """kill -9 from outside: its exit is reported with the signal."""

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
    """By itself, by a signal, by an exception, out of memory."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": fault})
        workers.speak(worker, "bad")
        end = await workers.exited()
        assert (worker, kind, reason) == (end.worker, end.kind, end.reason)
        assert (kind == "out of memory") == bool(end.needs_gb)

    run(tmp_path, scenario)


def test_a_segmentation_fault_logs_its_stack(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Under the worker's name."""

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
    """The worker is never ready; its exit is reported all the same."""

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
    """So that a typo in config.toml is recognized."""

    async def scenario(workers: LiveWorkers) -> None:
        workers.start(engine=engine)
        end = await workers.exited()
        assert "load" == end.kind
        assert end.reason.startswith(reason)

    run(tmp_path, scenario)


def test_a_worker_that_cannot_start_is_reported_with_its_last_line(tmp_path: Path) -> None:
    """Without its own modules only its output gives the reason."""

    async def scenario(workers: LiveWorkers) -> None:
        workers.start(env={"PYTHONPATH": str(tmp_path)})
        end = await workers.exited()
        assert "status 1; it last printed: " in end.reason
        assert "broken on purpose" in end.reason

    (tmp_path / "msgspec.py").write_text("raise ImportError('broken on purpose')", encoding="utf-8")
    run(tmp_path, scenario)


def test_what_a_worker_prints_is_logged_and_does_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Stray prints, control bytes and what is not UTF-8 never reach the frames."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(says="stray \x00\x00\x00\x05 print\n\n  0%\r 50%\r100%")
        workers.speak(worker, "Good evening.")
        await workers.receive(ClipWritten)

    with caplog.at_level(logging.INFO):
        run(tmp_path, scenario)
    assert "[Worker 0] stray \x00\x00\x00\x05 print" in caplog.messages
    assert "[Worker 0] 100%" in caplog.messages
    assert "[Worker 0] " not in caplog.messages


def test_a_worker_stopped_by_a_signal_can_be_killed(tmp_path: Path) -> None:
    """SIGSTOP in a step: the daemon kills it, and the reason is the daemon's."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"hang": "steps"})
        workers.speak(worker, "hang")
        await workers.receive(Progress)
        workers.process(worker).suspend()
        workers.pool.kill(worker, "hung: no progress for 60 s")
        assert WorkerExited(worker, "ended", "hung: no progress for 60 s") == await workers.exited()

    run(tmp_path, scenario)


def test_a_worker_that_hangs_while_it_loads_can_be_killed(tmp_path: Path) -> None:
    """It will never be ready."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(load="hang", says="loading")
        await workers.printed("loading")
        workers.pool.kill(worker, "was not ready within 600 s")
        assert WorkerExited(worker, "ended", "was not ready within 600 s") == await workers.exited()

    run(tmp_path, scenario)


def test_a_worker_in_a_busy_loop_can_be_killed(tmp_path: Path) -> None:
    """A step that never returns."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"hang": "hang"}, says="at work")
        await workers.printed("at work")
        workers.speak(worker, "hang")
        await workers.printed("at work")
        workers.pool.kill(worker, "hung")
        assert WorkerExited(worker, "ended", "hung") == await workers.exited()

    run(tmp_path, scenario)


def test_a_worker_killed_before_its_process_exists_exits_too(tmp_path: Path) -> None:
    """Start and kill at the same moment."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start()
        workers.pool.kill(worker, "no longer wanted")
        assert WorkerExited(worker, "ended", "no longer wanted") == await workers.exited()

    run(tmp_path, scenario)


def test_a_process_that_cannot_be_started_is_an_exit(tmp_path: Path) -> None:
    """An environment larger than the kernel allows: it is reported, and the daemon goes on."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(env={"TOO_LONG": "x" * 10_000_000})
        end = await workers.exited()
        assert (worker, "load") == (end.worker, end.kind)
        assert "the process cannot be started: " in end.reason

    run(tmp_path, scenario)


def test_a_corrupt_frame_kills_the_worker(tmp_path: Path) -> None:
    """An engine that writes into the socket can no longer be trusted."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": "corrupt"})
        workers.speak(worker, "bad")
        end = await workers.exited()
        assert (worker, "wire") == (end.worker, end.kind)
        assert "it sent an invalid message" in end.reason

    run(tmp_path, scenario)


def test_what_a_worker_sent_before_its_death_is_received(tmp_path: Path) -> None:
    """Ten takes are spoken, then it kills itself: ten ClipWritten and one WorkerExited, in this order."""

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


def test_a_worker_with_a_grandchild_that_holds_its_pipes_still_exits(tmp_path: Path) -> None:
    """The exit is that of the process, not of those that inherited its descriptors."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(grandchild=True, env={"NOOP_GRANDCHILD": str(tmp_path / "pid")})
        await workers.receive(Ready)
        workers.process(worker).kill()
        assert WorkerExited(worker, "ended", "the process was killed by SIGKILL") == await workers.exited()

    run(tmp_path, scenario)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_a_kill_also_kills_the_workers_own_children(tmp_path: Path) -> None:
    """What an engine started does not outlive it."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(grandchild=True, env={"NOOP_GRANDCHILD": str(tmp_path / "pid")})
        await workers.receive(Ready)
        grandchild = psutil.Process(int((tmp_path / "pid").read_text()))
        workers.pool.kill(worker, "enough")
        await workers.exited()
        _, left = await asyncio.to_thread(psutil.wait_procs, [grandchild], LIMIT_S)
        assert [] == [process for process in left if process.status() != psutil.STATUS_ZOMBIE]

    run(tmp_path, scenario)


def test_no_process_and_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    """Ten workers come and go; the daemon has as many descriptors as before."""

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


def test_a_daemon_that_crashes_kills_its_workers(tmp_path: Path) -> None:
    """The TaskGroup is cancelled by an error in another task: no worker outlives it."""
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


def test_a_parent_killed_with_9_leaves_no_worker_behind(tmp_path: Path) -> None:
    """Idle, stepping, hanging in a step, hanging while it loads, stopped: all are gone within 2 s."""
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
    """It does not load: nothing would ever stop it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(encode(Load(0, "tests.engines.noop:factory", "cpu", {"load": "hang"})))
        command = [sys.executable, "-m", "fishd.worker", str(theirs.fileno()), "1"]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()], env={**os.environ, **ENV}) as worker:
            try:
                assert 0 == worker.wait(LIMIT_S)
            finally:
                worker.kill()


def test_a_message_out_of_turn_kills_the_worker(tmp_path: Path) -> None:
    """Such as a second Ready."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(faults={"bad": "ready again"})
        workers.speak(worker, "bad")
        end = await workers.exited()
        assert ("wire", "it sent an invalid message: Ready again") == (end.kind, end.reason)

    run(tmp_path, scenario)


def test_messages_to_a_worker_that_is_gone_are_dropped(tmp_path: Path) -> None:
    """Sending and killing after the exit have no effect."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = workers.start(load="exit")
        await workers.exited()
        workers.speak(worker, "too late")
        workers.pool.send(worker, messages.Stop())
        workers.pool.kill(worker, "too late")
        assert workers.posted.empty()

    run(tmp_path, scenario)


def test_a_take_is_queued_while_the_engine_is_full(tmp_path: Path) -> None:
    """More takes than slots: each is spoken once, in order."""

    async def scenario(workers: LiveWorkers) -> None:
        worker = await workers.start_ready(capacity=1)
        for number in range(5):
            workers.speak(worker, "good", f"{number}")
        assert ["0", "1", "2", "3", "4"] == [(await workers.receive(ClipWritten)).take for _ in range(5)]

    run(tmp_path, scenario)
