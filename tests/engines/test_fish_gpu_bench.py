"""The GPU bench runs end to end on a CPU, so that its own bugs do not cost time on a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_section_of_the_gpu_bench_runs_on_a_cpu(tmp_path: Path) -> None:
    """Each section writes its lines without a fault; only MPS is not available on a CPU."""
    command = [sys.executable, "-m", "bench.fish_gpu", "--all", "--device", "cpu", "--tiny", "--rows", "1,4"]
    command += ["--out", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    found = json.loads((tmp_path / "fish_gpu.json").read_text())
    assert {
        "machine",
        "check",
        "decode",
        "episode",
        "profile",
        "package",
        "workers",
        "tuning",
        "compile",
    } == set(found)
    assert [] == [name for name, section in found.items() if "fault" in section]
    assert all(line["faults"] == [] for line in found["episode"]["lines"])
    faults = [line for name in ("package", "workers") for line in found[name]["lines"] if "fault" in line]
    assert ["MPS" in line["name"] for line in faults] == [True]
