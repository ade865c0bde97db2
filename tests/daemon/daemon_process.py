"""A real `fishd run` in a process of its own, with a spool of its own and the no-op engine."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
import watchfiles

from tests.shell.cli import LIMIT_S, ROOT, environ

EXAMPLES = ROOT / "inbox_example"
NOOP = "tests.engines.noop:factory"


class DaemonProcess:
    """The process and its spool. Every wait fails after LIMIT_S, with the log."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config_path = folder / "config.toml"
        self.log_path = folder / "log.txt"
        self.spool = folder / "spool"
        self._process: subprocess.Popen[bytes] | None = None
        self.write_config(config)

    def write_config(self, config: Mapping[str, Any]) -> None:
        defaults: dict[str, Any] = {
            "spool": {"settle_s": 0.2, "rescan_s": 5.0},
            "pool": {"cpu_workers": 2},
            "engine": {"name": NOOP},
            "quality": {"check": "off"},  # a tone is no speech
            "log": {"level": "debug"},
        }
        merged = {
            section: {**defaults.get(section, {}), **config.get(section, {})}
            for section in defaults.keys() | config.keys()
        }
        self.config_path.write_text(tomli_w.dumps(merged), encoding="utf-8")

    # ---- the process --------------------------------------------------------------------------------------

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        program: Sequence[str] = ("fishd", "run"),
    ) -> None:
        """`wrapper` is a command that runs another one (strace); `program` is a module and its arguments."""
        for name in ("inbox", "outbox"):
            (self.spool / name).mkdir(parents=True, exist_ok=True)
        command = [*wrapper, sys.executable, "-m", *program, "--config", str(self.config_path), *arguments]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=environ(env),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def run_once(self, **options: Any) -> int:
        """Process what is in the inbox, with these options of `start`; the exit code."""
        self.start("--once", **options)
        return self.wait()

    def wait(self) -> int:
        """Wait for the process to exit; its exit code."""
        return self.process.wait(LIMIT_S)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """SIGKILL; no effect on a process that has exited."""
        self.process.kill()
        self.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process, "the daemon was not started"
        return self._process

    # ---- the spool ----------------------------------------------------------------------------------------

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
        """The content of status.json; empty before there is one."""
        try:
            return json.loads((self.spool / "status.json").read_bytes())
        except FileNotFoundError:
            return {}

    def workers(self) -> list[dict[str, Any]]:
        """The workers in the status."""
        return self.status().get("workers", [])

    def result(self, name: str) -> dict[str, Any]:
        return json.loads((self.spool / "outbox" / name / "result.json").read_bytes())

    def journal(self, job: str, kind: str) -> list[dict[str, Any]]:
        """The complete journal lines of a job in work/ that are of this kind, such as "spoken"."""
        try:
            text = (self.spool / "work" / job / "journal.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        records = [json.loads(line) for line in text.split("\n")[:-1]]
        return [record for record in records if record["is"] == kind]

    def clip_inodes(self, folder: str) -> dict[str, int]:
        """The inode of every clip in a folder of clips below the spool, by file name."""
        return {path.name: path.stat().st_ino for path in self.spool.glob(f"{folder}/clips/*/[!.]*.wav")}

    # ---- waiting ------------------------------------------------------------------------------------------

    def wait_for_result(self, name: str) -> dict[str, Any]:
        published = self.spool / "outbox" / name / "result.json"
        self.wait_until(published.exists, f"{name} in the outbox")
        return self.result(name)

    def wait_for_log(self, text: str, times: int = 1) -> None:
        self.wait_until(lambda: self.log().count(text) >= times, f"{text!r} in the log {times} times")

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Check the condition after every change below the folder, and every 0.2 s without one."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if condition():
                return
            # A folder that moved while the watch was set up; a name that is not UTF-8.
            with contextlib.suppress(FileNotFoundError, RuntimeError):
                for _ in self._changes():
                    if condition():
                        return
                    if time.monotonic() > deadline:
                        break
        raise AssertionError(f"timed out waiting for {what}; the log:\n{self.log()}")

    def _changes(self) -> Iterator[object]:
        return watchfiles.watch(
            self.folder, rust_timeout=200, yield_on_timeout=True, debounce=20, step=10, raise_interrupt=True
        )


@contextlib.contextmanager
def started_daemon(daemon: DaemonProcess, **options: Any) -> Iterator[DaemonProcess]:
    """Start this daemon, with these options of `start`; kill it at the end if it is still running."""
    daemon.start(**options)
    try:
        yield daemon
    finally:
        daemon.kill()


@contextlib.contextmanager
def running_daemon(
    folder: Path, config: Mapping[str, Any] | None = None, **options: Any
) -> Iterator[DaemonProcess]:
    """A daemon with a worker that is ready. `options` are the engine's."""
    config = dict(config or {})
    if options:
        config["engine"] = {**config.get("engine", {}), "options": options}
    with started_daemon(DaemonProcess(folder, config)) as daemon:
        daemon.wait_for_log("ready: ")
        yield daemon


def read_ledger(path: Path) -> Counter[str]:
    """How often the no-op engine has spoken each text, from the file that its option `ledger` names."""
    return Counter(path.read_text(encoding="utf-8").splitlines()) if path.exists() else Counter()
