"""Does a job take longer when one speaker has half of its lines?

    python bench/balance.py [--take 0.25] [--workers 4]

With the real daemon and an engine whose takes last --take seconds: the wall time of 46 lines of which one
speaker has 23, against that of 46 lines divided evenly among six speakers, in the same run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import running_daemon

SHAPES = {"even": (8, 8, 8, 8, 7, 7), "one long": (23, 5, 5, 5, 4, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--take", type=float, default=0.25, metavar="S")
    parser.add_argument("--workers", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fishd-bench-") as folder:
        walls = measure(Path(folder), arguments.take, arguments.workers)
    least_s = -(-46 // arguments.workers) * arguments.take
    for shape, wall_s in walls.items():
        print(f"{shape:9} {wall_s:6.2f} s   ({arguments.workers} workers; takes alone: {least_s:.2f} s)")
    print(f"ratio     {walls['one long'] / walls['even']:6.3f}     (bar: <= 1.1)")


def measure(folder: Path, take_s: float, workers: int) -> dict[str, float]:
    """Seconds by shape, after a job that warms up the workers."""
    walls: dict[str, float] = {}
    with running_daemon(folder / "daemon", {"pool": {"cpu_workers": workers}}, step_s=take_s) as daemon:
        daemon.wait_until(lambda: daemon.log().count("] ready: ") == workers, "the workers")
        for shape, counts in {"warm": (workers,), **SHAPES}.items():
            lines = {f"Speaker {s}": [f"Line {n}." for n in range(count)] for s, count in enumerate(counts)}
            daemon.drop(make_bundle(folder / shape.replace(" ", "-"), lines))
            walls[shape] = daemon.wait_for_result(shape.replace(" ", "-"))["totals"]["wall_s"]
    return {shape: walls[shape] for shape in SHAPES}


if __name__ == "__main__":
    main()
