"""The systemd units, checked by systemd itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shell.cli import ROOT

UNITS = ROOT / "systemd"
MAX_EXPOSURE = 10  # in tenths
PLAIN_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: systemd)"
)


def analyze(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        env={**PLAIN_ENV, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


def install(unit: Path, root: Path) -> Path:
    """Install the unit below `root`, with its program and the targets that it names."""
    program = root / "opt/fishd/bin/fishd"
    program.parent.mkdir(parents=True)
    shutil.copy("/bin/true", program)
    folder = root / "etc/systemd/system"
    folder.mkdir(parents=True)
    for target in ("basic", "default", "multi-user", "shutdown", "sysinit", "local-fs"):
        (folder / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    return Path(shutil.copy(unit, folder))


@needs_systemd
@pytest.mark.parametrize("name", ["fishd.service", "fishd-review.service"])
def test_a_system_unit_verifies_without_warnings(tmp_path: Path, name: str) -> None:
    """`systemd-analyze verify` prints nothing."""
    unit = install(UNITS / name, tmp_path)
    verified = analyze("verify", "--man=no", f"--root={tmp_path}", unit.name)
    assert (verified.returncode, verified.stdout) == (0, "")


@needs_systemd
def test_the_user_unit_verifies_without_warnings(tmp_path: Path) -> None:
    """Its program is replaced by one that exists on this machine."""
    unit = tmp_path / "fishd.service"
    unit.write_text(
        (UNITS / "user" / "fishd.service").read_text().replace("/opt/fishd/bin/fishd", "/bin/true")
    )
    verified = analyze("verify", "--man=no", "--user", str(unit), XDG_RUNTIME_DIR=str(tmp_path), HOME="/")
    assert (verified.returncode, verified.stdout) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", ["fishd.service", "fishd-review.service"])
def test_the_exposure_of_a_system_unit_is_at_most_1(name: str) -> None:
    """`systemd-analyze security` rates it from 0 to 10."""
    unit = str(UNITS / name)
    rating = analyze("security", "--offline=true", "--no-pager", f"--threshold={MAX_EXPOSURE}", unit)
    assert rating.returncode == 0, rating.stdout


def test_the_unit_has_no_setting_that_the_engines_cannot_run_with() -> None:
    """Torch generates code at run time, GPUs are devices, NVML reads /proc, workers set their affinity."""
    lines = (UNITS / "fishd.service").read_text().splitlines()
    settings = [line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")]
    assert not {"MemoryDenyWriteExecute", "PrivateDevices", "ProcSubset"} & set(settings)
    assert not any("~@resources" in line for line in lines if line.startswith("SystemCallFilter"))


def test_the_spool_is_one_mount() -> None:
    """Renames between two writable paths would fail, because each is a mount."""
    lines = (UNITS / "fishd.service").read_text().splitlines()
    assert [
        line for line in lines if line.startswith(("StateDirectory=", "ReadWritePaths=", "BindPaths="))
    ] == ["StateDirectory=fishd"]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes users and folders below a root of its own: needs root")
@needs_systemd
def test_users_and_folders_are_created_as_the_group_needs_them(tmp_path: Path) -> None:
    """The group may write to the inbox and read the rest; others see nothing."""
    (tmp_path / "etc").mkdir()
    for name, tool in (("sysusers", "systemd-sysusers"), ("tmpfiles", "systemd-tmpfiles")):
        create = ["--create"] if name == "tmpfiles" else []
        subprocess.run(
            [tool, *create, f"--root={tmp_path}", str(UNITS / f"fishd.{name}.conf")], check=True, timeout=60
        )
    spool = tmp_path / "var/lib/fishd/spool"
    modes = {path.name: oct(path.stat().st_mode & 0o7777) for path in (spool, *spool.iterdir())}
    assert modes == {
        "spool": "0o2750",
        "inbox": "0o2770",
        "work": "0o2750",
        "outbox": "0o2750",
        "archive": "0o2750",
    }
    uid = next(line for line in (tmp_path / "etc/passwd").read_text().splitlines() if "fishd" in line)
    assert spool.stat().st_uid == int(uid.split(":")[2])
