"""One cluster for many tests, as raylets take seconds to start."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from tests.cluster.ray_cluster import RayCluster, ray_cluster

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


NODES = {"a": 2, "b": 1}


@pytest.fixture(scope="package")  # other tests count the processes that they leave
def shared_cluster() -> Iterator[RayCluster]:
    with ray_cluster(NODES) as started:
        yield started


@pytest.fixture
def cluster(shared_cluster: RayCluster) -> RayCluster:
    """Two nodes, "a" with two CPUs and "b" with one; a test may kill them."""
    for name, cpus in NODES.items():
        if name not in shared_cluster.nodes:
            shared_cluster.start_node(name, cpus)
    return shared_cluster
