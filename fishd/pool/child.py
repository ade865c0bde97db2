"""One child process: start it, exchange messages, end it, reap it.

The child is exec'd (no fork of a threaded parent), in a session of its own (Ctrl-C on the terminal is for the
daemon), with one end of a socketpair for frames. Its output is read line by line, so that a stray print does
no harm. Neither waiting for its exit nor for its last messages depends on processes that it started and that
hold its descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Generic

from fishd.pool.output_lines import OutputReader
from fishd.pool.program import M, Program
from fishd.wire.channel import AsyncChannel

REAP_S = 5.0
LAST_OUTPUT_S = 1.0
_ENVIRON = {
    "PYTHONUNBUFFERED": "1",  # the last lines before a crash are not lost in a buffer
    "PYTHONFAULTHANDLER": "1",  # a segmentation fault prints a stack
}


class Child(Generic[M]):
    """A started process and the daemon's end of its channel."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        channel: AsyncChannel[M],
        output: OutputReader,
    ) -> None:
        self._process = process
        self._channel = channel
        self._output = output
        self.pid = process.pid

    @classmethod
    async def start(
        cls, program: Program[M], env: Mapping[str, str], on_line: Callable[[str], None]
    ) -> Child[M]:
        """Start the program; `on_line` gets each line that it prints. Raises OSError."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            our_end, their_end = socket.socketpair()
            ours.callback(our_end.close)
            theirs.callback(their_end.close)
            # A pipe of our own: asyncio reports the exit only when no process, not even a grandchild, holds
            # the other end of its pipes.
            read_end, write_end = os.pipe()
            ours.callback(os.close, read_end)
            theirs.callback(os.close, write_end)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                program.module,
                str(their_end.fileno()),
                str(os.getpid()),
                pass_fds=(their_end.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **_ENVIRON, **env},
                start_new_session=True,
            )
            ours.pop_all()
        return cls(process, AsyncChannel(our_end, program.incoming), OutputReader(read_end, on_line))

    def send(self, message: object) -> None:
        self._channel.send(message)

    async def receive(self) -> M:
        return await self._channel.receive()

    async def exited(self) -> None:
        """Wait until the process has exited; what it sent can still be received, then the stream ends."""
        await self._process.wait()
        self._channel.shutdown()

    def kill(self) -> None:
        """Kill the process and everything that it started."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)  # it leads a process group of its own

    def close(self) -> None:
        """Close our end: the process is to exit."""
        self._channel.close()

    async def reap(self) -> int:
        """Close our end and wait for the exit, killing the process if it lingers; its exit status."""
        self._channel.close()
        try:
            async with asyncio.timeout(REAP_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
        status = await self._process.wait()
        await self._output.finish(LAST_OUTPUT_S)
        return status


def describe_exit(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"the process exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"the process was killed by {name}"
