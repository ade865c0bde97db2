"""Nodes with addresses of their own, in network namespaces: a slow link, and a link that is cut."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import needs_ray
from tests.cluster.ray_cluster import RayCluster, cluster_config, ray_cluster
from tests.cluster.test_ray_faults import Load
from tests.cluster.test_ray_pool import daemon_on
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, started_daemon

pytestmark = [needs_ray, pytest.mark.slow]
BRIDGE, HEAD = "fishd-br", "10.87.0.1"
NODES = {"a": "10.87.0.2", "b": "10.87.0.3"}


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True, capture_output=True)


@pytest.fixture
def network() -> Iterator[None]:
    """A bridge with the head's address, and a namespace for each node."""
    try:
        ip(f"link add {BRIDGE} type bridge")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("network namespaces are not available; they need root and iproute2")
    try:
        ip(f"addr add {HEAD}/24 dev {BRIDGE}")
        ip(f"link set {BRIDGE} up")
        for name, address in NODES.items():
            ip(f"netns add fishd-{name}")
            ip(f"link add fishd-{name} type veth peer name eth0 netns fishd-{name}")
            ip(f"link set fishd-{name} master {BRIDGE} up")
            ip(f"-n fishd-{name} addr add {address}/24 dev eth0")
            ip(f"-n fishd-{name} link set eth0 up")
            ip(f"-n fishd-{name} link set lo up")
        yield
    finally:
        for name in NODES:
            for thing in ("link", "netns"):  # a namespace alone takes its link with it, but later
                subprocess.run(["ip", thing, "delete", f"fishd-{name}"], check=False, capture_output=True)
        ip(f"link delete {BRIDGE}")


@pytest.fixture
def cluster(network: None) -> Iterator[RayCluster]:
    """Two nodes with a CPU each."""
    with ray_cluster({}, head=(f"--node-ip-address={HEAD}",)) as started:
        for name, address in NODES.items():
            inside = ("ip", "netns", "exec", f"fishd-{name}")
            started.start_node(name, 1, f"--node-ip-address={address}", wrapper=inside)
        yield started


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
    subprocess.run(["ip", "netns", "exec", "fishd-b", *shape, *limits], check=True, capture_output=True)
    engine = {"options": {"tone_s": 50.0, "pulsed": True, "step_s": 0.2}}
    daemon = DaemonProcess(tmp_path / "daemon", cluster_config(cluster.address, engine=engine))
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=2)
        daemon.drop(make_bundle(tmp_path / "job", {"Ada": [f"Line {n}." for n in range(60)]}))
        result = daemon.wait_for_result("job")
        assert "done" == result["status"]
        takes = {worker["device"]: worker["takes"] for worker in result["workers"]}
        assert 60 == sum(takes.values())
        assert takes["a/cpu"] > takes["b/cpu"] > 0
