"""Nodes with addresses of their own, in network namespaces: a slow link, and a link that is cut."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import needs_ray
from tests.cluster.namespaces import NoNamespaces, cluster_in_namespaces, inside, ip
from tests.cluster.ray_cluster import RayCluster, cluster_config
from tests.cluster.test_ray_faults import Load
from tests.cluster.test_ray_pool import daemon_on
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, started_daemon

pytestmark = [needs_ray, pytest.mark.slow]


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    try:
        with cluster_in_namespaces() as started:
            yield started
    except NoNamespaces as reason:
        pytest.skip(str(reason))


def test_a_link_that_is_cut_loses_nothing(cluster: RayCluster, tmp_path: Path) -> None:
    """The node's processes live on, but nobody hears of them; its takes go to the other one."""
    daemon = daemon_on(cluster, tmp_path, step_s=0.1)
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=2)
        load = Load(daemon, tmp_path)
        load.note_journal()
        ip("link set fishd-b down")
        daemon.wait_for_log("gone: lost on node b: ")
        load.check_result(in_flight=10)  # it goes on until it learns that it is cut off
        daemon.wait_for_log("[Main] node b is gone: the pool goes on with what is left")


def test_a_slow_link_slows_its_node_only(cluster: RayCluster, tmp_path: Path) -> None:
    """With 8 Mbit/s clips of 1.6 MB wait on the node, not in the daemon; the other node speaks most lines."""
    shape = ["tc", "qdisc", "add", "dev", "eth0", "root", "tbf"]
    limits = ["rate", "8mbit", "burst", "32kb", "latency", "400ms"]
    subprocess.run([*inside("b"), *shape, *limits], check=True, capture_output=True)
    engine = {"options": {"tone_s": 50.0, "pulsed": True, "step_s": 0.2}}
    daemon = DaemonProcess(tmp_path / "daemon", cluster_config(cluster.address, engine=engine))
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=2)
        daemon.drop(make_bundle(tmp_path / "job", {"Ada": [f"Line {n}." for n in range(30)]}))
        result = daemon.wait_for_result("job")
        assert "done" == result["status"]
        takes = {worker["device"]: worker["takes"] for worker in result["workers"]}
        assert 30 == sum(takes.values())
        assert takes["a/cpu"] > takes["b/cpu"] > 0
