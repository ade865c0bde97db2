"""One worker process: start it, talk to it, end it, reap it.

The child is exec'd afresh (no fork of a threaded parent), in a session of its own (Ctrl-C on the terminal
is the daemon's business), with one end of a socketpair for frames. What it prints is read and handed on
line by line, so a stray print harms nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping

from fishd.wire.channel import AsyncChannel
from fishd.wire.messages import FromWorker

LONGEST_LINE = 16 * 1024
REAP_S = 5.0


class Child:
    """A started process and the daemon's end of its channel."""

    def __init__(self, process: asyncio.subprocess.Process, channel: AsyncChannel[FromWorker]) -> None:
        self._process = process
        self._channel = channel
        self.pid = process.pid

    @classmethod
    async def start(cls, env: Mapping[str, str]) -> Child:
        """Raises OSError when the machine gives no process or no socket."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "fishd.worker",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **env},
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process, await AsyncChannel[FromWorker].over(ours, FromWorker))

    def send(self, message: object) -> None:
        self._channel.send(message)

    async def receive(self) -> FromWorker:
        return await self._channel.receive()

    async def read_output(self, line: Callable[[str], None]) -> None:
        """Hand on what the child prints until it prints no more; a line is cut where it gets too long."""
        assert self._process.stdout is not None
        rest = b""
        while chunk := await self._process.stdout.read(LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for raw in lines:
                text = raw.decode("utf-8", "replace").strip()
                if text:
                    line(text)
        if rest.strip():
            line(rest.decode("utf-8", "replace").strip())

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    async def reap(self) -> int:
        """Close our end, wait for the end of the process, by force if it lingers; its exit status."""
        self._channel.close()
        try:
            async with asyncio.timeout(REAP_S):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()


def in_words(status: int) -> str:
    """An exit status as an operator would say it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"killed by {name}"
