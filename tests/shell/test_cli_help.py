"""The output of `fishd --help` and of each command's help, and how fast it is."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from fishd import __version__
from fishd.cli.app import app
from tests.shell.cli import command, environ, fishd

COMMANDS = (
    "run",
    "submit",
    "status",
    "logs",
    "cancel",
    "retry",
    "retake",
    "review",
    "listen",
    "check",
    "plan",
    "init",
    "reload",
    "doctor",
    "calibrate",
)
LARGE = {"numpy", "torch", "watchfiles", "asyncio", "rich", "msgspec", "soundfile", "starlette", "uvicorn"}
PRINT_MODULES = """
import json, sys
from fishd.cli import main
sys.argv = ["fishd", "--help"]
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)))
"""


def test_help_names_every_command(tmp_path: Path) -> None:
    """They are in sections; a command without a section would be missing."""
    ended = fishd("--help", cwd=tmp_path)

    assert 0 == ended.returncode
    assert {*COMMANDS, "service", "voices"} == set(get_command(app).commands)
    for name in (*COMMANDS, "service", "voices"):
        assert f"\n  {name} " in ended.stdout


def test_help_imports_no_large_module(tmp_path: Path) -> None:
    """rich is one of them."""
    ended = subprocess.run(
        [sys.executable, "-c", PRINT_MODULES], cwd=tmp_path, env=environ(), capture_output=True, check=True
    )
    loaded = {name.split(".")[0] for name in json.loads(ended.stdout.splitlines()[-1])}

    assert set() == loaded & LARGE


def test_help_needs_less_than_300_ms_of_cpu_time(tmp_path: Path) -> None:
    """The best of five runs counts, because caches may be cold at first."""

    def cpu_seconds() -> float:
        before = children_cpu_seconds()
        subprocess.run(command("--help"), cwd=tmp_path, env=environ(), capture_output=True, check=True)
        return children_cpu_seconds() - before

    assert min(cpu_seconds() for _ in range(5)) < 0.3


def children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("name", [*COMMANDS, "voices", "voices add", "service install", "service uninstall"])
def test_every_command_has_help_of_at_most_80_columns(name: str, tmp_path: Path) -> None:
    """It does not have Python's names of types."""
    ended = fishd(*name.split(), "--help", cwd=tmp_path)

    assert 0 == ended.returncode
    assert ended.stdout.startswith(f"Usage: fishd {name} ")
    assert max(map(len, ended.stdout.splitlines())) <= 80
    assert "list[" not in ended.stdout


def test_a_mistyped_command_suggests_the_right_one(tmp_path: Path) -> None:
    """The exit code is 2."""
    ended = fishd("stauts", cwd=tmp_path)

    assert 2 == ended.returncode
    assert "Did you mean 'status'?" in ended.stderr


def test_the_version_is_printed(tmp_path: Path) -> None:
    """It is the only line on stdout."""
    assert f"fishd {__version__}\n" == fishd("--version", cwd=tmp_path).stdout
