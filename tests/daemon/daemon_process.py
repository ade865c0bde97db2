"""A real `fishd run` in a process of its own, on a spool of its own, with the no-op engine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
import watchfiles

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "inbox_example"
NOOP = "tests.engines.noop:factory"
LIMIT_S = 60.0


class DaemonProcess:
    """The daemon's process and its spool."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config_path = folder / "config.toml"
        self.log_path = folder / "log.txt"
        self.spool = folder / "spool"
        self.process: subprocess.Popen[bytes] | None = None
        self.write_config(config)

    def write_config(self, config: Mapping[str, Any]) -> None:
        defaults: dict[str, Any] = {
            "spool": {"settle_s": 0.2, "rescan_s": 5.0},
            "pool": {"cpu_workers": 2},
            "engine": {"name": NOOP},
            "log": {"level": "debug"},
        }
        merged = {
            section: {**defaults.get(section, {}), **config.get(section, {})}
            for section in defaults.keys() | config.keys()
        }
        self.config_path.write_text(tomli_w.dumps(merged), encoding="utf-8")

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
    ) -> None:
        """`before` are the words of a command that runs the daemon."""
        for name in ("inbox", "outbox"):
            (self.spool / name).mkdir(parents=True, exist_ok=True)
        run = [sys.executable, "-m", "fishd", "run", "--config", str(self.config_path)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, *run, *arguments],
                env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def once(self) -> int:
        """Work off what is in the inbox; the exit code."""
        self.start("--once")
        assert self.process
        return self.process.wait(LIMIT_S)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(LIMIT_S)

    def drop(self, source: Path, name: str | None = None) -> str:
        """Copy a bundle in as `fishd submit` does: whole, with `.ready`, by one rename."""
        name = name or source.name
        part = self.folder / f".drop-{name}"
        shutil.copytree(source, part)
        (part / ".ready").touch()
        part.rename(self.spool / "inbox" / name)
        return name

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def status(self) -> dict[str, Any]:
        try:
            return json.loads((self.spool / "status.json").read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def result(self, name: str) -> dict[str, Any]:
        return json.loads((self.spool / "outbox" / name / "result.json").read_bytes())

    def wait_for_result(self, name: str) -> dict[str, Any]:
        published = self.spool / "outbox" / name / "result.json"
        self.wait_until(published.exists, f"{name} in the outbox")
        return self.result(name)

    def wait_for_log(self, words: str) -> None:
        self.wait_until(lambda: words in self.log(), f"{words!r} in the log")

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Look again at every change below the folder, and now and then besides."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if condition():
                return
            # A folder that moved while the watch was set up; a name that is no UTF-8.
            with contextlib.suppress(FileNotFoundError, RuntimeError):
                for _ in self._changes():
                    if condition():
                        return
                    if time.monotonic() > deadline:
                        break
        raise AssertionError(f"waited in vain for {what}; the log says:\n{self.log()}")

    def _changes(self) -> Iterator[object]:
        return watchfiles.watch(
            self.folder, rust_timeout=200, yield_on_timeout=True, debounce=20, step=10, raise_interrupt=True
        )


@contextlib.contextmanager
def running_daemon(
    folder: Path, config: Mapping[str, Any] | None = None, **options: Any
) -> Iterator[DaemonProcess]:
    """A daemon that is ready; whatever is left of it at the end is ended. `options` are the engine's."""
    config = dict(config or {})
    if options:
        config["engine"] = {**config.get("engine", {}), "options": options}
    daemon = DaemonProcess(folder, config)
    daemon.start()
    try:
        daemon.wait_for_log("ready: ")
        yield daemon
    finally:
        if daemon.process and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait(LIMIT_S)
