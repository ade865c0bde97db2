"""What the daemon's benches share: a clip, a look at a folder, and patience."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile


def tone(seconds: float, rate_hz: int) -> np.ndarray:
    """A quiet sine, float32."""
    return (0.2 * np.sin(np.arange(int(seconds * rate_hz)) * 0.05)).astype(np.float32)


def wav(seconds: float, rate_hz: int) -> bytes:
    """The same as a 16-bit WAV file."""
    with tempfile.TemporaryFile() as file:
        soundfile.write(file, tone(seconds, rate_hz), rate_hz, format="WAV", subtype="PCM_16")
        file.seek(0)
        return file.read()


def count(folder: Path) -> int:
    """How much stands in a folder, hidden things aside."""
    with os.scandir(folder) as entries:
        return sum(1 for entry in entries if not entry.name.startswith("."))


def wait_for(condition: Callable[[], bool], what: str, limit_s: float = 300.0, step_s: float = 0.005) -> None:
    """Look until it holds; give up with a message after so long."""
    deadline = time.perf_counter() + limit_s
    while not condition():
        if time.perf_counter() > deadline:
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(step_s)
