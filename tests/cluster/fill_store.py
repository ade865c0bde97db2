"""`python -m tests.cluster.fill_store ADDRESS`: keep all nodes' object stores full until standard input ends.

Prints "full" when no node's store takes another 64 KiB.
"""

from __future__ import annotations

import sys
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

SIZES = (4 * 2**20, 2**17)  # bytes; objects under 100 KiB do not go to the store


class Hoarder:
    def __init__(self) -> None:
        self._kept: list[Any] = []

    def fill(self) -> None:
        """Put objects of each size until none fits."""
        for size in SIZES:
            while True:
                try:
                    self._kept.append(ray.put(bytes(size)))
                except (ray.exceptions.OutOfDiskError, ray.exceptions.ObjectStoreFullError):
                    break


def main() -> None:
    ray.init(address=sys.argv[1], log_to_driver=False)
    actor = ray.remote(num_cpus=0)(Hoarder)
    places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in ray.nodes()]
    hoarders = [actor.options(scheduling_strategy=place).remote() for place in places]
    ray.get([hoarder.fill.remote() for hoarder in hoarders])
    print("full", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
