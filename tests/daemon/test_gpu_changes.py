"""GPUs that are lost, return, cannot be queried or run out of memory while the daemon runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, started_daemon

TWO = ["GPU-aaaa", "GPU-bbbb"]
USABLE_GB = 21.6  # of the 24 GB of each


@contextlib.contextmanager
def daemon_with_gpus(
    folder: Path, gpus: list[str], budget_gb: float = 20.0, **options: Any
) -> Iterator[DaemonProcess]:
    """A daemon with as many workers as fit on these GPUs, all ready; `options` are the engine's."""
    daemon = DaemonProcess(folder, {"pool": {"model_memory_gb": budget_gb}, "engine": {"options": options}})
    set_gpus(daemon, gpus)
    program = ("tests.daemon.fake_nvml_daemon", "--gpus", str(folder / "gpus.json"))
    with started_daemon(daemon, program=program):
        daemon.wait_for_log("] ready: ", times=len(gpus) * int(USABLE_GB // budget_gb))
        yield daemon


def set_gpus(daemon: DaemonProcess, gpus: list[str]) -> None:
    (daemon.folder / "gpus.json").write_text(json.dumps(gpus), encoding="utf-8")


def devices(daemon: DaemonProcess) -> list[str]:
    return sorted(worker["device"] for worker in daemon.workers())


def kill_worker_on(daemon: DaemonProcess, device: str) -> None:
    daemon.wait_until(lambda: device in devices(daemon), f"a worker on {device}")
    pid = next(worker["pid"] for worker in daemon.workers() if worker["device"] == device)
    psutil.Process(pid).kill()


def test_a_lost_gpu_is_removed_from_the_plan_and_the_others_continue(tmp_path: Path) -> None:
    """Its worker's death causes a check of the GPUs; jobs are still spoken."""
    with daemon_with_gpus(tmp_path / "daemon", TWO) as daemon:
        set_gpus(daemon, ["GPU-aaaa", "GPU is lost"])
        kill_worker_on(daemon, "gpu:1")
        gone = "GPU 1 (NVIDIA GeForce RTX 4090) is gone: the pool goes on with what is left"
        daemon.wait_for_log(f"[Main] {gone}")
        daemon.wait_for_log("[Main] Using 1 parallel workers across 1 GPU(s)")
        daemon.wait_until(lambda: devices(daemon) == ["gpu:0"], "one worker")
        status = daemon.status()
        assert gone in [error["what"] for error in status["errors"]]
        assert [("gpu:0", 1, 1)] == [
            (post["device"], post["wanted"], post["workers"]) for post in status["posts"]
        ]
        assert [0] == [gpu["index"] for gpu in status["gpus"]]
        daemon.drop(make_bundle(tmp_path / "one"))
        assert "done" == daemon.wait_for_result("one")["status"]


def test_a_gpu_that_returns_is_used_again(tmp_path: Path) -> None:
    """The next check finds it, whatever its cause."""
    with daemon_with_gpus(tmp_path, ["GPU-aaaa"]) as daemon:
        set_gpus(daemon, TWO)
        kill_worker_on(daemon, "gpu:0")
        daemon.wait_for_log(
            "[Main] GPU 1 (NVIDIA GeForce RTX 4090) is available: the pool uses it from now on"
        )
        daemon.wait_until(lambda: devices(daemon) == ["gpu:0", "gpu:1"], "both workers")


def test_a_driver_that_stops_answering_removes_no_gpu(tmp_path: Path) -> None:
    """The last known GPUs are kept, also through a reload; the failure is logged once."""
    with daemon_with_gpus(tmp_path, TWO) as daemon:
        (tmp_path / "gpus.json").unlink()
        kill_worker_on(daemon, "gpu:1")
        daemon.wait_for_log("GPU query failed; keeping the last known GPU list: the driver")
        daemon.reload()
        daemon.wait_for_log("the configuration was reloaded")
        daemon.wait_until(lambda: devices(daemon) == ["gpu:0", "gpu:1"], "both workers")
        assert 1 == daemon.log().count("GPU query failed")


def test_out_of_memory_reduces_the_workers_of_the_gpu_and_fails_no_other_line(tmp_path: Path) -> None:
    """While there are several workers, a take that ran out of memory does not count."""
    faults = {"Too much": "out of memory"}
    with daemon_with_gpus(tmp_path / "daemon", ["GPU-aaaa"], budget_gb=10.0, faults=faults) as daemon:
        lines = ["Too much.", *(f"Line {n}." for n in range(8))]
        daemon.drop(make_bundle(tmp_path / "long", {"Ada": lines}))
        segments = daemon.wait_for_result("long")["speakers"][0]["segments"]
        assert ["failed"] + ["done"] * 8 == [segment["status"] for segment in segments]
        assert 3 == segments[0]["takes"]
        log = daemon.log()
        assert "[Main] GPU 0: out of memory: now runs 1 workers; a worker needed 0." in log
        assert "GB of its 10 GB: something else holds the GPU's memory" in log
        daemon.wait_until(lambda: daemon.status()["posts"][0]["fewer"] == 1, "the reduction in the status")
