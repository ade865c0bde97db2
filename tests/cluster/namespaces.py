"""A network of this machine's own: a bridge with the head's address, and a namespace for each node."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.ray_cluster import RayCluster, ray_cluster

BRIDGE, HEAD = "fishd-br", "10.87.0.1"
NODES = {"a": "10.87.0.2", "b": "10.87.0.3"}


class NoNamespaces(Exception):  # noqa: N818 - named like the product's faults
    """They need root and iproute2."""


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True, capture_output=True)


def inside(name: str) -> tuple[str, ...]:
    """The wrapper of a command that is to run in a node's namespace."""
    return ("ip", "netns", "exec", f"fishd-{name}")


def sent_bytes(name: str) -> tuple[int, int]:
    """What a node has sent and received so far."""
    counters = Path(f"/sys/class/net/fishd-{name}/statistics")
    return int((counters / "rx_bytes").read_text()), int((counters / "tx_bytes").read_text())


@contextlib.contextmanager
def network() -> Iterator[None]:
    """Raises NoNamespaces."""
    try:
        ip(f"link add {BRIDGE} type bridge")
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoNamespaces("network namespaces are not available; they need root and iproute2") from error
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


@contextlib.contextmanager
def cluster_in_namespaces() -> Iterator[RayCluster]:
    """Two nodes with a CPU each. Raises NoNamespaces."""
    with network(), ray_cluster({}, head=(f"--node-ip-address={HEAD}",)) as started:
        for name, address in NODES.items():
            started.start_node(name, 1, f"--node-ip-address={address}", wrapper=inside(name))
        yield started
