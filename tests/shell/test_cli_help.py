"""What `fishd --help` and each command's help show, and how fast."""

from __future__ import annotations

import json
import subprocess
import sys
import time
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
    "check",
    "plan",
    "init",
    "reload",
    "doctor",
    "calibrate",
)
HEAVY = {"numpy", "torch", "watchfiles", "asyncio", "rich", "msgspec", "soundfile"}
_LOADED = """
import json, sys
from fishd.cli import main
sys.argv = ["fishd", "--help"]
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)))
"""


def test_help_names_every_command(tmp_path: Path) -> None:
    """In sections; a command without one would be missing."""
    said = fishd("--help", cwd=tmp_path)

    assert 0 == said.returncode
    assert {*COMMANDS, "service", "voices"} == set(get_command(app).commands)
    for name in (*COMMANDS, "service", "voices"):
        assert f"\n  {name} " in said.stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """No numpy, no torch, not even rich."""
    ended = subprocess.run(
        [sys.executable, "-c", _LOADED], cwd=tmp_path, env=environ(), capture_output=True, check=True
    )
    loaded = {name.split(".")[0] for name in json.loads(ended.stdout.splitlines()[-1])}

    assert set() == loaded & HEAVY


def test_help_answers_at_once(tmp_path: Path) -> None:
    """The best of five is under 0.3 s, whatever else the machine does."""

    def seconds() -> float:
        began = time.monotonic()
        subprocess.run(command("--help"), cwd=tmp_path, env=environ(), capture_output=True, check=True)
        return time.monotonic() - began

    assert min(seconds() for _ in range(5)) < 0.3


@pytest.mark.parametrize("name", [*COMMANDS, "voices", "voices add", "service install", "service uninstall"])
def test_every_command_explains_itself(name: str, tmp_path: Path) -> None:
    """Within 80 columns, and without Python's names for types."""
    said = fishd(*name.split(), "--help", cwd=tmp_path)

    assert 0 == said.returncode
    assert said.stdout.startswith(f"Usage: fishd {name} ")
    assert max(map(len, said.stdout.splitlines())) <= 80
    assert "list[" not in said.stdout


def test_a_mistyped_command_suggests_the_right_one(tmp_path: Path) -> None:
    """With the exit code of a usage error."""
    said = fishd("stauts", cwd=tmp_path)

    assert 2 == said.returncode
    assert "Did you mean 'status'?" in said.stderr


def test_the_version_is_printed(tmp_path: Path) -> None:
    """On stdout, alone."""
    assert f"fishd {__version__}\n" == fishd("--version", cwd=tmp_path).stdout
