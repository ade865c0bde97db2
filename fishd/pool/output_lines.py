"""The output of a worker process, line by line."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

MAX_LINE_BYTES = 16 * 1024


class OutputReader:
    """The read end of the pipe that is a child's stdout and stderr."""

    def __init__(self, pipe: int, on_line: Callable[[str], None]) -> None:
        """Takes over the descriptor `pipe`; `on_line` is called for each line, from the running loop."""
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._on_line = on_line
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._has_ended = asyncio.Event()
        self._loop.add_reader(pipe, self._read)

    async def finish(self, limit_s: float) -> None:
        """Read to the end, at most for `limit_s`: a process that the child started may hold the pipe."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._has_ended.wait()
        finally:
            self.close()

    def close(self) -> None:
        if self._pipe < 0:
            return
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self._pipe = -1
        self._report(self._rest)
        self._rest = b""
        self._has_ended.set()

    def _read(self) -> None:
        """One chunk per iteration of the loop: endless output slows down the child, not the daemon."""
        try:
            chunk = os.read(self._pipe, MAX_LINE_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            self.close()
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._report(line)

    def _report(self, line: bytes) -> None:
        """As a terminal would show it: without what a carriage return overwrites, and not if it is blank."""
        text = line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace").strip()
        if text:
            self._on_line(text)
