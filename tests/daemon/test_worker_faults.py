"""Workers of the real daemon that die, hang or never load: the jobs are published nevertheless."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import psutil

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, running_daemon, started_daemon

EXIT_LIMIT_S = 2.0
KILLED = "gone: the process was killed by SIGKILL"
REASONS = {
    "hang": "hung",
    "kill": "SIGKILL",
    "corrupt": "invalid message",
    "raise": "told to raise",
    "exit": "status 3",
}


def worker_processes(daemon: DaemonProcess) -> list[psutil.Process]:
    return [child for child in psutil.Process(daemon.process.pid).children() if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    try:
        return "fishd.worker" in process.cmdline()
    except psutil.NoSuchProcess:  # it has just exited
        return False


def errors_of(result: dict[str, Any]) -> dict[str, str]:
    """The error of each failed line, by its text."""
    segments = [segment for speaker in result["speakers"] for segment in speaker["segments"]]
    return {segment["text"]: segment["error"] for segment in segments if segment["status"] == "failed"}


def test_lines_in_flight_in_killed_workers_are_spoken_by_others(tmp_path: Path) -> None:
    """Six workers are killed at random moments of a job."""
    chance = random.Random(7)
    lines = [f"Line {n:03}." for n in range(80)]
    ledger = tmp_path / "ledger"
    config = {"pool": {"cpu_workers": 3, "max_takes": 50}}
    with running_daemon(tmp_path, config, ledger=str(ledger), capacity=2, step_s=0.03) as daemon:
        daemon.drop(make_bundle(tmp_path / "long", {"Ada": lines}))
        for killed in range(1, 7):
            goal = killed * 8 + chance.randint(0, 6)
            daemon.wait_until(lambda goal=goal: read_ledger(ledger).total() >= goal, f"{goal} lines")
            daemon.wait_until(lambda: bool(worker_processes(daemon)), "a worker")
            chance.choice(worker_processes(daemon)).kill()
            daemon.wait_for_log(KILLED, times=killed)
        result = daemon.wait_for_result("long")
    assert {} == errors_of(result)
    assert len(lines) == result["totals"]["done"]


def test_lines_that_kill_or_hang_their_workers_fail_and_all_others_are_spoken(tmp_path: Path) -> None:
    """Each has its own reason."""
    bad = {f"Please {how}.": how for how in REASONS}
    good = [f"Line {n}." for n in range(10)]
    lines = [line for pair in zip(good[::2], good[1::2], bad, strict=True) for line in pair]
    config = {"pool": {"cpu_workers": 2, "max_takes": 2, "take_timeout_s": 1.5}}
    with running_daemon(tmp_path, config, capacity=2, faults=bad, says="\x00\x00\x00\x05 stray") as daemon:
        daemon.drop(make_bundle(tmp_path / "mixed", {"Ada": lines}))
        result = daemon.wait_for_result("mixed")
        assert "stray" in daemon.log()
    errors = errors_of(result)
    assert set(bad) == set(errors)
    assert [] == [text for text, how in bad.items() if REASONS[how] not in errors[text]]
    assert "partial" == result["status"]


def test_a_worker_stopped_by_sigstop_is_killed_and_its_take_is_repeated_by_another(tmp_path: Path) -> None:
    """Its process is alive, but makes no progress."""
    gate = tmp_path / "gate"
    config = {"pool": {"cpu_workers": 2, "take_timeout_s": 1.5}}
    with running_daemon(tmp_path, config, gate=str(gate)) as daemon:
        daemon.wait_for_log("] ready: ", times=2)
        daemon.drop(make_bundle(tmp_path / "one", {"Ada": ["One."]}))
        daemon.wait_for_log("Launching Worker 0 on CPU")
        (pid,) = [worker["pid"] for worker in daemon.workers() if worker["worker"] == 0]
        stopped = psutil.Process(pid)
        stopped.suspend()
        daemon.wait_for_log("hung: no progress for 1.5 s")
        gate.touch()
        result = daemon.wait_for_result("one")
    (segment,) = result["speakers"][0]["segments"]
    assert ("done", 2) == (segment["status"], segment["takes"])
    assert not stopped.is_running()


def test_an_engine_that_exits_or_hangs_while_it_loads_is_reported_until_it_is_fixed(tmp_path: Path) -> None:
    """A hang ends at start_timeout_s, an exit is retried; a fixed configuration is used once it is saved."""
    config: dict[str, Any] = {"pool": {"cpu_workers": 1, "start_timeout_s": 1.0}}
    hanging = config | {"engine": {"options": {"load": "hang"}}}
    with started_daemon(DaemonProcess(tmp_path, hanging)) as daemon:
        daemon.drop(make_bundle(tmp_path / "one"))
        daemon.wait_for_log("was not ready within 1 s")
        daemon.write_config(config | {"engine": {"options": {"load": "exit"}}})
        daemon.wait_for_log(
            "[Main] CPU: worker 1 exited before completing a take; the next one starts in 1 s"
        )
        daemon.wait_until(lambda: "status 3" in str(daemon.status().get("errors")), "the fault in the status")
        daemon.write_config({"pool": {"cpu_workers": 1}})
        assert "done" == daemon.wait_for_result("one")["status"]


def test_a_killed_daemon_leaves_no_worker_process(tmp_path: Path) -> None:
    """An idle worker, one that hangs in a step and a stopped one exit within 2 s."""
    with running_daemon(
        tmp_path, {"pool": {"cpu_workers": 3}}, faults={"hang": "hang"}, says="step"
    ) as daemon:
        daemon.wait_for_log("] ready: ", times=3)
        daemon.drop(make_bundle(tmp_path / "one", {"Ada": ["Please hang."]}))
        daemon.wait_for_log("step", times=4)
        processes = worker_processes(daemon)
        assert 3 == len(processes)
        processes[-1].suspend()
        daemon.kill()
        _, left = psutil.wait_procs(processes, timeout=EXIT_LIMIT_S)
    assert [] == [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
