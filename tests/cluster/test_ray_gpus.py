"""Nodes with GPUs: NVML is a stand-in on each node, everything else is real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import needs_ray
from tests.cluster.ray_cluster import RayCluster, cluster_config, ray_cluster
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, started_daemon
from tests.shell.cli import ROOT

pytestmark = needs_ray
PYNVML = """
import os
from types import SimpleNamespace

GIB = 2**30
NVMLError = type("NVMLError", (Exception,), {})
NVMLError_NotFound = type("NVMLError_NotFound", (NVMLError,), {})
nvmlInit = lambda: None
nvmlDeviceGetCount = lambda: 2
nvmlDeviceGetHandleByIndex = lambda index: index
nvmlDeviceGetMigMode = lambda gpu: (0, 0)
nvmlDeviceGetMemoryInfo = lambda gpu: SimpleNamespace(total=24 * GIB, free=24 * GIB)
nvmlDeviceGetName = lambda gpu: "NVIDIA GeForce RTX 4090"
nvmlDeviceGetUUID = lambda gpu: f"GPU-{os.environ['NODE']}-{gpu}"
nvmlDeviceGetComputeRunningProcesses = lambda gpu: []
"""


@pytest.fixture(scope="module")
def gpu_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """Nodes "g" with two GPUs, and "h", where one of two was given to Ray."""
    stub = tmp_path_factory.mktemp("stub")
    (stub / "pynvml.py").write_text(PYNVML, encoding="utf-8")
    with ray_cluster({}) as started:
        for name, gpus, visible in (("g", 2, "0,1"), ("h", 1, "1")):
            env = {"PYTHONPATH": f"{stub}:{ROOT}", "NODE": name, "CUDA_VISIBLE_DEVICES": visible}
            started.start_node(name, 2, f"--num-gpus={gpus}", env=env)
        yield started


def test_workers_run_on_the_cards_that_the_sizing_chose(gpu_cluster: RayCluster, tmp_path: Path) -> None:
    """Two on each card, which is the only one that they see; Ray accounts for half a card each."""
    engine = {"name": "tests.cluster.card_engine:factory", "options": {}}
    daemon = DaemonProcess(tmp_path / "daemon", cluster_config(gpu_cluster.address, engine=engine))
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=6)
        assert "[Main] Using 6 parallel workers on 2 nodes" in daemon.log()
        for card in ("GPU-g-0", "GPU-g-1", "GPU-h-1"):
            assert 2 == daemon.log().count(f"sees {card}, as cuda:0\n")
        daemon.wait_until(lambda: len(daemon.status().get("gpus", [])) == 3, "the GPUs in the status")
        gpus = [(gpu["node"], gpu["index"], gpu["workers"]) for gpu in daemon.status()["gpus"]]
        assert [("g", 0, 2), ("g", 1, 2), ("h", 1, 2)] == gpus
        daemon.drop(make_bundle(tmp_path / "job"))
        assert "done" == daemon.wait_for_result("job")["status"]


@pytest.mark.slow
def test_a_worker_that_other_jobs_keep_waiting_says_so(gpu_cluster: RayCluster, tmp_path: Path) -> None:
    """A second daemon on the same cards waits until the first one has ended."""
    engine = {"name": "tests.cluster.card_engine:factory", "options": {}}
    config = cluster_config(gpu_cluster.address, engine=engine)
    second = DaemonProcess(tmp_path / "second", config)
    with started_daemon(DaemonProcess(tmp_path / "first", config)) as first:
        first.wait_for_log("] ready: ", times=6)
        with started_daemon(second):
            second.wait_for_log(
                "waits until Ray places it on node g: other jobs of the cluster hold its GPUs"
            )
            assert 0 == first.stop()
            second.wait_for_log("] ready: ", times=6)
