"""`fishd calibrate` with a real worker of the no-op engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fishd.cli.memory_measurement import MemoryMeasurement
from fishd.cli.single_worker import WITHOUT_GPU, SingleWorker
from fishd.core.sizing.calibration import Level
from fishd.host.gpus import GpuReading
from fishd.wire.messages import Load, Ready
from tests.shell.cli import ROOT, fishd

GIB = 2**30
LIMIT_S = 60.0
CONFIG = """\
# a comment
[pool]
cpu_memory_gb = 0.0   # no limit yet

[engine]
name = "tests.engines.noop:factory"
options = { capacity = 3 }
"""


def write_config(folder: Path, text: str = CONFIG) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_number_of_takes_is_measured_and_a_value_proposed(tmp_path: Path) -> None:
    """One, two and three takes are spoken at the same time; the file is unchanged."""
    path = write_config(tmp_path)
    ended = fishd("calibrate", "--config", path, cwd=tmp_path)
    assert (0, "") == (
        ended.returncode,
        "".join(line for line in ended.stderr.splitlines() if "rror" in line),
    )
    rows = [line.split() for line in ended.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert ["1", "2", "3"] == [row[0] for row in rows]
    assert all(0.01 < float(row[1]) < 4 for row in rows)
    assert "cpu_memory_gb = " in ended.stdout
    assert CONFIG == path.read_text()


def test_write_changes_only_the_one_key(tmp_path: Path) -> None:
    """Comments are kept."""
    path = write_config(tmp_path)
    assert 0 == fishd("calibrate", "--write", "--config", path, cwd=tmp_path).returncode
    old, new = CONFIG.splitlines(), path.read_text().splitlines()
    assert [2] == [n for n, (before, after) in enumerate(zip(old, new, strict=True)) if before != after]
    assert new[2].startswith("cpu_memory_gb = 0.")
    assert new[2].endswith("   # no limit yet")


def test_a_worker_that_cannot_load_is_reported(tmp_path: Path) -> None:
    """The exit code is 1, and no value is proposed."""
    path = write_config(tmp_path, CONFIG.replace("capacity = 3", 'load = "raise"'))
    ended = fishd("calibrate", "--write", "--config", path, cwd=tmp_path)
    assert 1 == ended.returncode
    assert "fishd: CPU: calibration failed: the noop engine was told to raise" in ended.stderr
    assert "" == ended.stdout


def test_the_measured_memory_is_the_highest_that_nvml_reports_for_the_worker(tmp_path: Path) -> None:
    """It is also read from MIG instances; the takes end after NVML was read three times."""
    held_gb = [1, 3, 2]
    gate = tmp_path / "gate"

    async def measure() -> Level:
        async with SingleWorker({**WITHOUT_GPU, "PYTHONPATH": str(ROOT)}) as worker:

            def read_gpu() -> GpuReading:
                held = {worker.pid: held_gb.pop(0) * GIB} if held_gb else {}
                if not held_gb:
                    gate.touch()
                part = GpuReading("part", "MIG-1", 24 * GIB, 12 * GIB, held)
                return GpuReading("whole", "GPU-1", 24 * GIB, 12 * GIB, instances=(part,))

            options = {"capacity": 2, "gate": str(gate)}
            await worker.ask(Load(0, "tests.engines.noop:factory", "cpu", options), Ready, LIMIT_S)
            return await MemoryMeasurement(worker, tmp_path, read_gpu).speak(2, LIMIT_S)

    level = asyncio.run(measure())
    assert (2, 3.0, 0) == (level.takes, level.nvml_gb, level.failed)
