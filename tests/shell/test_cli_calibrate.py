"""`fishd calibrate` with a real worker of the no-op engine."""

from __future__ import annotations

from pathlib import Path

from tests.shell.cli import fishd

CONFIG = """\
# mine
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


def test_it_measures_each_number_of_takes_and_proposes(tmp_path: Path) -> None:
    """One, two and all three at once; the file is not changed."""
    path = write_config(tmp_path)
    said = fishd("calibrate", "--config", path, cwd=tmp_path)
    assert (0, "") == (said.returncode, "".join(line for line in said.stderr.splitlines() if "rror" in line))
    rows = [line.split() for line in said.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert ["1", "2", "3"] == [row[0] for row in rows]
    assert all(0.01 < float(row[1]) < 4 for row in rows)
    assert "cpu_memory_gb = " in said.stdout
    assert CONFIG == path.read_text()


def test_write_sets_the_one_key(tmp_path: Path) -> None:
    """Comments and everything else stay."""
    path = write_config(tmp_path)
    assert 0 == fishd("calibrate", "--write", "--config", path, cwd=tmp_path).returncode
    old, new = CONFIG.splitlines(), path.read_text().splitlines()
    assert [2] == [n for n, (before, after) in enumerate(zip(old, new, strict=True)) if before != after]
    assert new[2].startswith("cpu_memory_gb = 0.")
    assert new[2].endswith("   # no limit yet")


def test_a_worker_that_cannot_load_is_reported(tmp_path: Path) -> None:
    """With its reason and exit code 1; nothing is proposed."""
    path = write_config(tmp_path, CONFIG.replace("capacity = 3", 'load = "raise"'))
    said = fishd("calibrate", "--write", "--config", path, cwd=tmp_path)
    assert 1 == said.returncode
    assert "fishd: CPU: calibration failed: the noop engine was told to raise" in said.stderr
    assert "" == said.stdout
