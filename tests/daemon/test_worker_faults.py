"""Workers that die, hang and never load under the real daemon: the jobs come out all the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon

GONE_S = 2.0
KILLED = "gone: the process was killed by SIGKILL"
ENDED = {
    "hang": "hung",
    "kill": "SIGKILL",
    "garble": "invalid message",
    "raise": "told to raise",
    "exit": "status 3",
}


def workers(daemon: DaemonProcess) -> list[psutil.Process]:
    assert daemon.process
    return [child for child in psutil.Process(daemon.process.pid).children() if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    try:
        return "fishd.worker" in process.cmdline()
    except psutil.NoSuchProcess:  # it has just ended
        return False


def errors_of(result: dict[str, Any]) -> dict[str, str]:
    """What each line that failed says, by its text."""
    segments = [segment for speaker in result["speakers"] for segment in speaker["segments"]]
    return {segment["text"]: segment["error"] for segment in segments if segment["status"] == "failed"}


def test_workers_killed_at_random_moments_cost_no_line(tmp_path: Path) -> None:
    """Whoever is killed, six times: what it held is spoken by another."""
    dice = random.Random(7)  # which moments does not matter, that they vary does
    lines = [f"Line {n:03}." for n in range(80)]
    ledger = tmp_path / "ledger"
    config = {"pool": {"cpu_workers": 3, "max_takes": 50}}
    with running_daemon(tmp_path, config, ledger=str(ledger), capacity=2, step_s=0.03) as daemon:
        daemon.drop(make_bundle(tmp_path / "long", {"Ada": lines}))
        for killed in range(1, 7):
            goal = killed * 8 + dice.randint(0, 6)
            daemon.wait_until(has_spoken(ledger, goal), f"{goal} lines")
            daemon.wait_until(lambda: bool(workers(daemon)), "a worker")
            dice.choice(workers(daemon)).kill()
            daemon.wait_until(lambda n=killed: daemon.log().count(KILLED) >= n, "the news of it")
        result = daemon.wait_for_result("long")
    assert {} == errors_of(result)
    assert len(lines) == result["totals"]["done"]


def has_spoken(ledger: Path, goal: int) -> Callable[[], bool]:
    return lambda: ledger.exists() and ledger.read_text().count("\n") >= goal


def test_lines_that_end_or_hang_their_workers_fail_alone(tmp_path: Path) -> None:
    """A busy loop, a kill, nonsense on the wire and on stdout, an exception: each has its own reason."""
    bad = {f"Please {how}.": how for how in ENDED}
    faults = {text: {"garble": "corrupt"}.get(how, how) for text, how in bad.items()}
    good = [f"Line {n}." for n in range(10)]
    lines = [line for pair in zip(good[::2], good[1::2], bad, strict=True) for line in pair]
    config = {"pool": {"cpu_workers": 2, "max_takes": 2, "take_timeout_s": 1.5}}
    with running_daemon(tmp_path, config, capacity=2, faults=faults, says="\x00\x00\x00\x05 stray") as daemon:
        daemon.drop(make_bundle(tmp_path / "mixed", {"Ada": lines}))
        result = daemon.wait_for_result("mixed")
        assert "stray" in daemon.log()
    errors = errors_of(result)
    assert set(bad) == set(errors)
    assert [] == [text for text, how in bad.items() if ENDED[how] not in errors[text]]
    assert "partial" == result["status"]


def test_a_stopped_worker_is_ended_and_its_take_goes_elsewhere(tmp_path: Path) -> None:
    """SIGSTOP: the process lives and says nothing."""
    gate = tmp_path / "gate"
    config = {"pool": {"cpu_workers": 2, "take_timeout_s": 1.5}}
    with running_daemon(tmp_path, config, gate=str(gate)) as daemon:
        daemon.wait_until(lambda: daemon.log().count("] ready: ") == 2, "both workers")
        daemon.drop(make_bundle(tmp_path / "one", {"Ada": ["One."]}))
        daemon.wait_for_log("Launching Worker 0 on CPU")
        (stopped,) = [p for p in workers(daemon) if p.pid == pid_of(daemon, 0)]
        stopped.suspend()
        daemon.wait_for_log("hung: no progress for 1.5 s")
        gate.touch()
        result = daemon.wait_for_result("one")
    (segment,) = result["speakers"][0]["segments"]
    assert ("done", 2) == (segment["status"], segment["takes"])
    assert not stopped.is_running()


def pid_of(daemon: DaemonProcess, worker: int) -> int:
    return next(w["pid"] for w in daemon.status()["workers"] if w["worker"] == worker)


def test_engines_that_exit_or_hang_while_they_load_are_told_until_they_are_mended(tmp_path: Path) -> None:
    """The start-up limit ends the one, the breaker is not reached by the other; a saved mend is taken."""
    config: dict[str, Any] = {"pool": {"cpu_workers": 1, "start_timeout_s": 1.0}}
    daemon = DaemonProcess(tmp_path, config | {"engine": {"options": {"load": "hang"}}})
    daemon.start()
    try:
        daemon.drop(make_bundle(tmp_path / "one"))
        daemon.wait_for_log("was not ready within 1 s")
        daemon.write_config(config | {"engine": {"options": {"load": "exit"}}})
        daemon.wait_for_log(
            "[Main] CPU: worker 1 exited before completing a take; the next one starts in 1 s"
        )
        daemon.wait_until(lambda: "status 3" in str(daemon.status().get("errors")), "it in the status")
        daemon.write_config({"pool": {"cpu_workers": 1}})
        assert "done" == daemon.wait_for_result("one")["status"]
    finally:
        daemon.kill()


def test_a_daemon_killed_with_9_leaves_no_process_behind(tmp_path: Path) -> None:
    """Workers that are idle, that hang in a step and that are stopped are gone within 2 s."""
    with running_daemon(
        tmp_path, {"pool": {"cpu_workers": 3}}, faults={"hang": "hang"}, says="begun"
    ) as daemon:
        daemon.wait_until(lambda: daemon.log().count("] ready: ") == 3, "three workers")
        daemon.drop(make_bundle(tmp_path / "one", {"Ada": ["Please hang."]}))
        daemon.wait_until(lambda: daemon.log().count("begun") == 4, "the take")
        processes = workers(daemon)
        assert 3 == len(processes)
        processes[-1].suspend()
        daemon.kill()
        _, left = psutil.wait_procs(processes, timeout=GONE_S)
    assert [] == [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
