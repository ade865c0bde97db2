"""Clusters for the tests: one for a whole module, as raylets take seconds to start."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from tests.cluster.ray_cluster import RayCluster, ray_cluster

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Two nodes, "a" with two CPUs and "b" with one; tests of the module must leave them running."""
    with ray_cluster({"a": 2, "b": 1}) as started:
        yield started
