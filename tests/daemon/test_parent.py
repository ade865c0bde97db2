"""The parent stays free of the worker's world."""

from __future__ import annotations

import subprocess
import sys

FORBIDDEN = (
    "torch",
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
SCRIPT = """
import sys
import fishd.cli.commands.run, fishd.daemon.event_loop
sys.stdout.write("\\n".join(sys.modules))
"""


def test_the_parent_never_imports_torch_numpy_or_an_engine() -> None:
    """Everything that `fishd run` imports is free of what only workers need."""
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    modules = found.stdout.splitlines()
    assert [m for m in modules if m.startswith(FORBIDDEN)] == []
    assert "fishd.core.dispatch.dispatcher" in modules
