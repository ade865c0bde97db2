"""Worker processes that die, hang and talk nonsense: what the pool says of each, and that nothing is left."""

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
from tests.faults.house import ENV, LIMIT_S, ROOT, House, play

ORPHAN_LIMIT_S = 2.0


def test_a_worker_loads_speaks_and_ends_when_told(tmp_path: Path) -> None:
    """The whole life, and the clip is where it was asked for."""

    async def story(house: House) -> None:
        worker = house.start(capacity=2, remark="Only tones.")
        ready = await house.hear(Ready)
        assert ("noop", 16_000, 2, "Only tones.") == (
            ready.engine,
            ready.sample_rate,
            ready.slots,
            ready.remark,
        )
        house.speak(worker, "Good evening.")
        spoken = await house.hear(ClipWritten)
        assert ("1", (tmp_path / "1.wav").stat().st_size) == (spoken.take, spoken.size_bytes)
        house.pool.send(worker, Stop())
        assert WorkerExited(worker, "ended", "the process ended with exit status 0") == await house.ended()
        assert house.pool.pid(worker) is None

    play(tmp_path, story)


def test_stop_lets_the_takes_in_hand_be_finished(tmp_path: Path) -> None:
    """Two takes wait at a gate when the stop comes; both are spoken before the end."""

    async def story(house: House) -> None:
        worker = await house.ready(capacity=2, gate=str(tmp_path / "gate"))
        house.speak(worker, "one", "1")
        house.speak(worker, "two", "2")
        house.pool.send(worker, Stop())
        await house.hear(Progress)
        (tmp_path / "gate").touch()
        assert {"1", "2"} == {(await house.hear(ClipWritten)).take for _ in range(2)}
        assert "ended" == (await house.ended()).kind

    play(tmp_path, story)


def test_a_worker_killed_while_it_speaks_is_gone(tmp_path: Path) -> None:
    """kill -9 from outside: its end is said, with the signal."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"hang": "steps"})
        house.speak(worker, "hang")
        await house.hear(Progress)
        house.process(worker).kill()
        assert WorkerExited(worker, "ended", "the process was killed by SIGKILL") == await house.ended()

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("exit", "ended", "the process ended with exit status 3"),
        ("kill", "ended", "the process was killed by SIGKILL"),
        ("raise", "engine", "the noop engine was told to raise"),
        ("out of memory", "out of memory", "the noop engine was told to run out of memory"),
    ],
)
def test_the_end_of_a_worker_in_a_take_has_its_reason(
    tmp_path: Path, fault: str, kind: str, reason: str
) -> None:
    """By itself, by a signal, by an exception, for want of memory."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"bad": fault})
        house.speak(worker, "bad")
        end = await house.ended()
        assert (worker, kind, reason) == (end.worker, end.kind, end.reason)
        assert (kind == "out of memory") == bool(end.needs_gb)

    play(tmp_path, story)


def test_a_segmentation_fault_says_where(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The stack is in the log under the worker's name."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"bad": "segv"})
        house.speak(worker, "bad")
        assert "SIGSEGV" in (await house.ended()).reason

    with caplog.at_level(logging.INFO):
        play(tmp_path, story)
    assert "[Worker 0] Fatal Python error: Segmentation fault" in caplog.messages


@pytest.mark.parametrize(
    ("how", "kind", "reason"),
    [
        ("exit", "ended", "the process ended with exit status 3"),
        ("raise", "load", "the noop engine was told to raise"),
        ("out of memory", "out of memory", "the noop engine was told to run out of memory"),
        ("kill", "ended", "the process was killed by SIGKILL"),
    ],
)
def test_the_end_of_a_worker_that_loads_has_its_reason(
    tmp_path: Path, how: str, kind: str, reason: str
) -> None:
    """It is never ready; the end comes all the same."""

    async def story(house: House) -> None:
        worker = house.start(load=how)
        end = await house.ended()
        assert (worker, kind, reason) == (end.worker, end.kind, end.reason)

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        ("no.such:factory", "engine 'no.such:factory': No module named 'no'; is its package installed?"),
        ("tests.engines.noop:no_such", "engine 'tests.engines.noop:no_such': tests.engines.noop has no"),
    ],
)
def test_an_engine_that_is_not_there_is_named(tmp_path: Path, engine: str, reason: str) -> None:
    """A slip in config.toml reads as one."""

    async def story(house: House) -> None:
        house.start(engine=engine)
        end = await house.ended()
        assert "load" == end.kind
        assert end.reason.startswith(reason)

    play(tmp_path, story)


def test_a_worker_that_cannot_even_begin_says_its_last_line(tmp_path: Path) -> None:
    """Without its own modules only its output tells why."""

    async def story(house: House) -> None:
        house.start(env={"PYTHONPATH": str(tmp_path)})
        end = await house.ended()
        assert "exit status 1; it last printed: " in end.reason
        assert "broken on purpose" in end.reason

    (tmp_path / "msgspec.py").write_text("raise ImportError('broken on purpose')", encoding="utf-8")
    play(tmp_path, story)


def test_what_a_worker_prints_is_logged_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Stray prints, control bytes and what is not UTF-8 never reach the frames."""

    async def story(house: House) -> None:
        worker = await house.ready(says="stray \x00\x00\x00\x05 print\n\n  0%\r 50%\r100%")
        house.speak(worker, "Good evening.")
        await house.hear(ClipWritten)

    with caplog.at_level(logging.INFO):
        play(tmp_path, story)
    assert "[Worker 0] stray \x00\x00\x00\x05 print" in caplog.messages
    assert "[Worker 0] 100%" in caplog.messages
    assert "[Worker 0] " not in caplog.messages


def test_a_worker_stopped_by_a_signal_can_be_killed(tmp_path: Path) -> None:
    """SIGSTOP in a step: the daemon's kill ends it, and the reason is the daemon's."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"hang": "steps"})
        house.speak(worker, "hang")
        await house.hear(Progress)
        house.process(worker).suspend()
        house.pool.kill(worker, "hung: no progress for 60 s")
        assert WorkerExited(worker, "ended", "hung: no progress for 60 s") == await house.ended()

    play(tmp_path, story)


def test_a_worker_that_hangs_while_it_loads_can_be_killed(tmp_path: Path) -> None:
    """It will never be ready."""

    async def story(house: House) -> None:
        worker = house.start(load="hang", says="loading")
        await house.printed("loading")
        house.pool.kill(worker, "was not ready within 600 s")
        assert WorkerExited(worker, "ended", "was not ready within 600 s") == await house.ended()

    play(tmp_path, story)


def test_a_worker_in_a_busy_loop_can_be_killed(tmp_path: Path) -> None:
    """A step that never returns."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"hang": "hang"}, says="at work")
        await house.printed("at work")
        house.speak(worker, "hang")
        await house.printed("at work")
        house.pool.kill(worker, "hung")
        assert WorkerExited(worker, "ended", "hung") == await house.ended()

    play(tmp_path, story)


def test_a_worker_killed_before_its_process_is_there_ends_too(tmp_path: Path) -> None:
    """Start and kill in the same moment."""

    async def story(house: House) -> None:
        worker = house.start()
        house.pool.kill(worker, "no longer wanted")
        assert WorkerExited(worker, "ended", "no longer wanted") == await house.ended()

    play(tmp_path, story)


def test_a_process_that_cannot_be_started_is_an_end(tmp_path: Path) -> None:
    """An environment larger than the kernel takes: the operator is told, the daemon lives."""

    async def story(house: House) -> None:
        worker = house.start(env={"TOO_LONG": "x" * 10_000_000})
        end = await house.ended()
        assert (worker, "load") == (end.worker, end.kind)
        assert "the process cannot be started: " in end.reason

    play(tmp_path, story)


def test_a_corrupt_frame_ends_the_worker(tmp_path: Path) -> None:
    """An engine that writes into the socket cannot be trusted any more."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"bad": "corrupt"})
        house.speak(worker, "bad")
        end = await house.ended()
        assert (worker, "wire") == (end.worker, end.kind)
        assert "it sent what is no message" in end.reason

    play(tmp_path, story)


def test_what_a_worker_said_before_its_death_is_heard(tmp_path: Path) -> None:
    """Ten takes are spoken, then it kills itself: ten Spoken and one Ended, in this order."""

    async def story(house: House) -> None:
        worker = await house.ready(capacity=20, faults={"bad": "kill"}, steps=2)
        for number in range(10):
            house.speak(worker, "good", f"{number}")
        heard = [(await house.hear(ClipWritten)).take for _ in range(10)]
        house.speak(worker, "bad", "last")
        assert [f"{number}" for number in range(10)] == heard
        assert isinstance(await house.ended(), WorkerExited)
        assert house.mail.empty()

    play(tmp_path, story)


def test_a_worker_with_a_grandchild_that_holds_its_pipes_still_ends(tmp_path: Path) -> None:
    """The end is the process's, not that of whoever inherited its descriptors."""

    async def story(house: House) -> None:
        worker = house.start(grandchild=True, env={"NOOP_GRANDCHILD": str(tmp_path / "pid")})
        await house.hear(Ready)
        house.process(worker).kill()
        assert WorkerExited(worker, "ended", "the process was killed by SIGKILL") == await house.ended()

    play(tmp_path, story)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_a_kill_takes_the_workers_own_children_along(tmp_path: Path) -> None:
    """What an engine started does not stay behind when the daemon ends it."""

    async def story(house: House) -> None:
        worker = house.start(grandchild=True, env={"NOOP_GRANDCHILD": str(tmp_path / "pid")})
        await house.hear(Ready)
        grandchild = psutil.Process(int((tmp_path / "pid").read_text()))
        house.pool.kill(worker, "enough")
        await house.ended()
        _, left = await asyncio.to_thread(psutil.wait_procs, [grandchild], LIMIT_S)
        assert [] == [process for process in left if process.status() != psutil.STATUS_ZOMBIE]

    play(tmp_path, story)


def test_no_process_and_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    """Twenty workers come and go; the daemon's own table of descriptors is as before."""

    async def story(house: House) -> None:
        await house.ready()
        house.pool.kill(0, "first")
        await house.ended()
        before = psutil.Process().num_fds()
        for _ in range(10):
            worker = house.start(load="exit")
            await house.ended()
            assert house.pool.pid(worker) is None
        assert before == psutil.Process().num_fds()
        assert [] == psutil.Process().children()

    play(tmp_path, story)


def test_a_daemon_that_ends_in_disorder_takes_its_workers_along(tmp_path: Path) -> None:
    """The TaskGroup is cancelled by another task's fault: no worker outlives it."""
    pids: list[int] = []

    async def story(house: House) -> None:
        worker = await house.ready()
        pids.append(house.process(worker).pid)
        raise RuntimeError("disorder")

    with pytest.raises(ExceptionGroup):
        play(tmp_path, story)
    assert [False] == [psutil.pid_exists(pid) for pid in pids]


PARENT = """
import asyncio, sys
from pathlib import Path
from tests.faults.house import House, listening
from fishd.wire.messages import Ready, Progress

async def main():
    async with asyncio.TaskGroup() as group:
        house = House(group, Path(sys.argv[1]))
        with listening(house):
            await story(house)

async def story(house):
    idle = await house.ready()
    stepping = await house.ready(faults={"steps": "steps"})
    hanging = await house.ready(faults={"hang": "hang"}, says="hanging")
    loading = house.start(load="hang", says="loading")
    await house.printed("loading")
    stopped = await house.ready()
    house.process(stopped).suspend()
    house.speak(stepping, "steps")
    await house.hear(Progress)
    house.speak(hanging, "hang")
    await house.printed("hanging")
    print(*(house.pool.pid(w) for w in (idle, stepping, hanging, loading, stopped)), flush=True)
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
        workers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert 5 == len(workers)
        parent.kill()
        _, left = psutil.wait_procs(workers, timeout=ORPHAN_LIMIT_S)
    assert [] == [process for process in left if process.status() != psutil.STATUS_ZOMBIE]


def test_a_worker_whose_parent_died_before_it_began_ends(tmp_path: Path) -> None:
    """It does not begin to load, for nobody would ever end it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(encode(Load(0, "tests.engines.noop:factory", "cpu", {"load": "hang"})))
        command = [sys.executable, "-m", "fishd.worker", str(theirs.fileno()), "1"]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()], env={**os.environ, **ENV}) as worker:
            try:
                assert 0 == worker.wait(LIMIT_S)
            finally:
                worker.kill()


def test_a_message_out_of_turn_ends_the_worker(tmp_path: Path) -> None:
    """Ready twice is not what a worker says."""

    async def story(house: House) -> None:
        worker = await house.ready(faults={"bad": "ready again"})
        house.speak(worker, "bad")
        end = await house.ended()
        assert ("wire", "it sent what is no message: Ready again") == (end.kind, end.reason)

    play(tmp_path, story)


def test_messages_to_a_worker_that_is_gone_are_dropped(tmp_path: Path) -> None:
    """Sending and killing after the end do nothing."""

    async def story(house: House) -> None:
        worker = house.start(load="exit")
        await house.ended()
        house.speak(worker, "too late")
        house.pool.send(worker, messages.Stop())
        house.pool.kill(worker, "too late")
        assert house.mail.empty()

    play(tmp_path, story)


def test_a_take_waits_on_deck_while_the_engine_is_full(tmp_path: Path) -> None:
    """More takes than there is room for: each is spoken once, in order."""

    async def story(house: House) -> None:
        worker = await house.ready(capacity=1)
        for number in range(5):
            house.speak(worker, "good", f"{number}")
        assert ["0", "1", "2", "3", "4"] == [(await house.hear(ClipWritten)).take for _ in range(5)]

    play(tmp_path, story)
