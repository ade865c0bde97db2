"""What a worker process prints, line by line, as it comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

LONGEST_LINE = 16 * 1024


class OutputReader:
    """The read end of the pipe that is a child's stdout and stderr."""

    def __init__(self, pipe: int, line: Callable[[str], None]) -> None:
        """Takes over the descriptor `pipe`; `line` is called for each line, from the running loop."""
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._has_ended = asyncio.Event()
        self._loop.add_reader(pipe, self._read)

    async def finish(self, limit_s: float) -> None:
        """Wait for the end; not longer, for a process that the child started may hold the pipe."""
        try:
            async with asyncio.timeout(limit_s):
                await self._has_ended.wait()
        except TimeoutError:
            pass
        finally:
            self.close()

    def close(self) -> None:
        if self._pipe < 0:
            return
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self._pipe = -1
        self._hand_on(self._rest)
        self._rest = b""
        self._has_ended.set()

    def _read(self) -> None:
        """One chunk a turn of the loop: a child that prints without end slows down, not the daemon."""
        try:
            chunk = os.read(self._pipe, LONGEST_LINE)
        except BlockingIOError:
            return
        if not chunk:
            self.close()
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for raw in lines:
            self._hand_on(raw)

    def _hand_on(self, raw: bytes) -> None:
        """As a terminal would show it in the end: what a carriage return overwrites is left out."""
        text = raw.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace").strip()
        if text:
            self._line(text)
