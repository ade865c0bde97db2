"""The parent process imports nothing that only workers need."""

from __future__ import annotations

import subprocess
import sys

import pytest

FORBIDDEN = (
    "torch",
    "ray",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "onnxruntime",
    "hibari",
    "pyworld",
    "fish_speech",
    "fishd.engines",
    "fishd.worker",
)
COMMANDS = ("run", "plan", "check", "doctor", "calibrate", "submit", "retry")
SCRIPT = """
import sys
import fishd.daemon.event_loop, fishd.cli.doctor.checks, fishd.cli.commands.%s
sys.stdout.write("\\n".join(sys.modules))
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_the_parent_never_imports_torch_numpy_or_an_engine(command: str) -> None:
    """No module that a command imports does so either."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT % command], capture_output=True, text=True, check=True
    )
    modules = ended.stdout.splitlines()
    assert [module for module in modules if module.startswith(FORBIDDEN)] == []
    assert "fishd.core.dispatch.dispatcher" in modules
