"""Runs `[hooks] published` after a job is published: one at a time, beside everything else.

A published result has an empty file of its name in SPOOL/.hooks until its hook has ended, so that a hook that
a crash prevented or interrupted runs after the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fishd.core.model.result import Result

_log = logging.getLogger("fishd.hooks")
LIMIT_S = 60.0
MAX_OUTPUT_BYTES = 64 * 1024  # of a hook, in the log
_NOT_INHERITED = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


@dataclass(frozen=True, slots=True)
class HookEnded:
    """A result's hook has ended; `fault` is "" if it succeeded."""

    name: str
    fault: str = ""


def pending_hooks(root: Path) -> Path:
    """The folder of the results whose hooks have yet to run; created if it is missing. Raises OSError."""
    folder = root / ".hooks"
    folder.mkdir(exist_ok=True)
    return folder


class HookRunner:
    """Owns the queue of results whose hooks have yet to run. `post` gets one HookEnded for each."""

    def __init__(
        self, root: Path, outbox: Path, environ: Mapping[str, str], post: Callable[[HookEnded], None]
    ) -> None:
        self._root = root
        self._outbox = outbox
        self._environ = {key: value for key, value in environ.items() if key not in _NOT_INHERITED}
        self._post = post
        # The mutable state.
        self.command: Sequence[str] = ()
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self.num_waiting = 0

    def published(self, name: str) -> None:
        """Run the hook for outbox/NAME, if there is one."""
        if self.command:
            self.num_waiting += 1
            self._queue.put_nowait(name)

    async def run(self) -> None:
        """Until cancelled: first what an earlier run left, then what is published."""
        if self.command:
            for mark in sorted(await asyncio.to_thread(lambda: list(pending_hooks(self._root).iterdir()))):
                self.published(mark.name)
        while True:
            name = await self._queue.get()
            fault = await self._run_hook(name)
            await asyncio.to_thread((self._root / ".hooks" / name).unlink, missing_ok=True)
            self.num_waiting -= 1
            self._post(HookEnded(name, fault))

    async def _run_hook(self, name: str) -> str:
        """What went wrong, "" for nothing."""
        path = self._outbox / name
        status = await asyncio.to_thread(_status_of, path)
        if status is None:
            return ""  # its user has taken it away already
        environ = {"FISHD_JOB": name, "FISHD_STATUS": status, "FISHD_PATH": str(path)}
        command = [argument.replace("{path}", str(path)) for argument in self.command]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**self._environ, **environ},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"{command[0]} cannot be run: {error}"
        try:
            async with asyncio.timeout(LIMIT_S):
                await _log_output(process.stdout, name)
                code = await process.wait()
        except TimeoutError:
            return f"had not ended after {LIMIT_S:g} s and was killed"
        finally:
            with contextlib.suppress(ProcessLookupError):  # also what it has left running
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return "" if code == 0 else f"{command[0]} ended with status {code}"


def _status_of(path: Path) -> str | None:
    """The status in result.json; None if the result is gone."""
    try:
        return msgspec.json.decode((path / "result.json").read_bytes(), type=Result).status.value
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return "" if path.is_dir() else None


async def _log_output(stream: asyncio.StreamReader | None, name: str) -> None:
    """The hook's output into the log, up to a limit; read to its end, so that the hook does not block."""
    assert stream is not None
    output = b""
    while chunk := await stream.read(1 << 14):
        output += chunk[: max(0, MAX_OUTPUT_BYTES - len(output))]
    for line in output.decode("utf-8", "replace").splitlines():
        _log.info("[Hook] %s: %s", name, line, extra={"job": name})
