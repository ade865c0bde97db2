"""A real `fishd run` to measure: start it, make bundles for it, wait for what it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import soundfile

ROOT = Path(__file__).resolve().parent.parent
NOOP = "tests.engines.noop:factory"


@contextmanager
def running_daemon(
    root: Path,
    *,
    engine: str = NOOP,
    workers: int = 1,
    options: str = "",
    check: str = "signal",
    quality: str = "",
    max_takes: int = 3,
) -> Iterator[psutil.Process]:
    """A daemon with its spool in `root`/spool, from the moment when its workers are ready; then stop it.

    `options` are the engine's, as TOML; `check` is the key of [quality], `quality` its other lines.
    """
    root.mkdir(parents=True, exist_ok=True)
    config = root / "config.toml"
    config.write_text(
        f'[engine]\nname = "{engine}"\noptions = {{ {options} }}\n[pool]\ncpu_workers = {workers}\n'
        f'max_takes = {max_takes}\n[quality]\ncheck = "{check}"\n{quality}[log]\nlevel = "error"\n'
    )
    command = [sys.executable, "-m", "fishd", "run", "--config", str(config)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=root)

    def is_ready() -> bool:
        if process.poll() is not None:
            raise SystemExit("the daemon exited; its log is above")
        return _num_ready(root / "spool") == workers

    try:
        wait_for(is_ready, "the workers to be ready", limit_s=60)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _num_ready(spool: Path) -> int:
    try:
        status = json.loads((spool / "status.json").read_bytes())
    except FileNotFoundError:
        return 0
    return sum(worker["state"] == "ready" for worker in status["workers"])


def make_bundle(folder: Path, manifest: str, reference: bytes) -> None:
    """A complete bundle with one reference clip, ada.wav."""
    folder.mkdir()
    (folder / "job.toml").write_text(manifest)
    (folder / "ada.wav").write_bytes(reference)
    (folder / ".ready").touch()


def tone(seconds: float, rate_hz: int) -> np.ndarray:
    """A quiet sine, float32."""
    return (0.2 * np.sin(np.arange(int(seconds * rate_hz)) * 0.05)).astype(np.float32)


def wav(seconds: float, rate_hz: int) -> bytes:
    """The same sine as a 16-bit WAV file."""
    with tempfile.TemporaryFile() as file:
        soundfile.write(file, tone(seconds, rate_hz), rate_hz, format="WAV", subtype="PCM_16")
        file.seek(0)
        return file.read()


def num_entries(folder: Path) -> int:
    """Entries of a folder that are not hidden."""
    with os.scandir(folder) as entries:
        return sum(1 for entry in entries if not entry.name.startswith("."))


def wait_for(condition: Callable[[], bool], what: str, limit_s: float = 300.0, step_s: float = 0.005) -> None:
    """Poll until the condition holds; exit with a message after `limit_s`."""
    deadline = time.perf_counter() + limit_s
    while not condition():
        if time.perf_counter() > deadline:
            raise SystemExit(f"timed out after {limit_s:g} s waiting for {what}")
        time.sleep(step_s)
