"""A daemon whose workers run on the nodes of a real Ray cluster."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.conftest import needs_ray
from tests.cluster.ray_cluster import RayCluster, cluster_config
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, started_daemon

pytestmark = needs_ray


def daemon_on(cluster: RayCluster, folder: Path, **options: object) -> DaemonProcess:
    """`options` are the engine's, besides a ledger."""
    engine = {"options": {"ledger": str(folder / "ledger"), **options}}
    return DaemonProcess(folder / "daemon", cluster_config(cluster.address, engine=engine))


def test_a_job_is_spoken_by_the_workers_of_all_nodes(cluster: RayCluster, tmp_path: Path) -> None:
    """Each line once; the log and the status name the nodes."""
    daemon = daemon_on(cluster, tmp_path, step_s=0.05)
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=3)
        assert "[Main] Using 3 parallel workers on 2 nodes" in daemon.log()
        daemon.drop(make_bundle(tmp_path / "job", {"Ada": [f"Line {n}." for n in range(30)]}))
        result = daemon.wait_for_result("job")
        assert "done" == result["status"]
        assert {"a/cpu", "b/cpu"} == {worker["device"] for worker in result["workers"]}
        assert {f"Line {n}.": 1 for n in range(30)} == read_ledger(tmp_path / "ledger")
        assert ["a/cpu", "a/cpu", "b/cpu"] == sorted(worker["device"] for worker in daemon.workers())
        assert all(worker["pid"] for worker in daemon.workers())
        assert 0 == daemon.stop()
