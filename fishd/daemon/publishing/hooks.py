"""Runs `[hooks] published` after a job is published: one at a time, beside everything else.

A published result has an empty file of its name in SPOOL/.hooks until its hook has ended, so that a hook that
a crash prevented or interrupted runs after the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fishd.core.model.result import Result
from fishd.daemon.publishing.program import run_program

_log = logging.getLogger("fishd.hooks")
LIMIT_S = 60.0
_NOT_INHERITED = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


@dataclass(frozen=True, slots=True)
class HookEnded:
    """A result's hook has ended; `fault` is "" if it succeeded."""

    name: str
    fault: str = ""


class HookRunner:
    """Owns the queue of results whose hooks have yet to run. `post` gets one HookEnded for each."""

    def __init__(
        self,
        root: Path,
        outbox: Path,
        environ: Mapping[str, str],
        post: Callable[[HookEnded], None],
        *,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._folder = root / ".hooks"
        self._outbox = outbox
        self._environ = {key: value for key, value in environ.items() if key not in _NOT_INHERITED}
        self._post = post
        self._limit_s = limit_s
        # The mutable state.
        self.command: Sequence[str] = ()
        self.num_waiting = 0  # with the one that runs
        self._queue: asyncio.Queue[str] = asyncio.Queue()

    @property
    def marks(self) -> Path | None:
        """The folder for the marks of results whose hooks have yet to run; None if there is no hook."""
        return self._folder if self.command else None

    def published(self, name: str) -> None:
        """Run the hook for outbox/NAME, if there is one."""
        if self.command:
            self.num_waiting += 1
            self._queue.put_nowait(name)

    async def run(self) -> None:
        """Until cancelled: first what an earlier run left, then what is published."""
        self._queue_marked()
        while True:
            name = await self._queue.get()
            mark = self._folder / name
            made_at = await asyncio.to_thread(_made_at, mark)
            faults = [await self._run_hook(name), await asyncio.to_thread(_remove, mark, made_at)]
            self.num_waiting -= 1
            self._post(HookEnded(name, "; ".join(filter(None, faults))))

    def _queue_marked(self) -> None:
        """At once, before anybody asks whether work is left."""
        try:
            for mark in sorted(self._folder.iterdir(), key=lambda mark: (_made_at(mark) or 0, mark.name)):
                self.published(mark.name)
        except FileNotFoundError:
            pass
        except OSError as error:
            _log.error("[Hook] %s: cannot be read: %s", self._folder, error.strerror)

    async def _run_hook(self, name: str) -> str:
        """What went wrong, "" for nothing."""
        path = self._outbox / name
        status = await asyncio.to_thread(_status_of, path)
        if status is None or not self.command:
            return ""  # its user has taken it away already, or the hook was removed from the configuration
        environ = {"FISHD_JOB": name, "FISHD_STATUS": status, "FISHD_PATH": str(path)}
        command = [argument.replace("{path}", str(path)) for argument in self.command]
        try:
            ended = await run_program(command, {**self._environ, **environ}, self._limit_s)
        except (OSError, ValueError) as error:
            return f"{command[0]} cannot be run: {error}"
        for line in ended.output.splitlines():
            _log.info("[Hook] %s: %s", name, line, extra={"job": name})
        if ended.status is None:
            return f"had not ended after {self._limit_s:g} s and was killed"
        return "" if ended.status == 0 else f"{command[0]} ended with status {ended.status}"


def _status_of(path: Path) -> str | None:
    """The status in result.json; None if the result is gone."""
    try:
        return msgspec.json.decode((path / "result.json").read_bytes(), type=Result).status.value
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return "" if path.is_dir() else None


def _made_at(mark: Path) -> int | None:
    try:
        return mark.stat().st_ctime_ns
    except OSError:
        return None


def _remove(mark: Path, made_at: int | None) -> str:
    """What went wrong, "" for nothing. A later result of this name may have made the mark anew: it stays."""
    try:
        if mark.stat().st_ctime_ns == made_at:
            mark.unlink()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{mark} cannot be removed, so that it runs again after the next start: {error.strerror}"
    return ""
