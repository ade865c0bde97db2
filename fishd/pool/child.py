"""One worker process: start it, talk to it, end it, reap it.

The child is exec'd afresh (no fork of a threaded parent), in a session of its own (Ctrl-C on the terminal
is the daemon's business), with one end of a socketpair for frames. What it prints is read and handed on
line by line, so a stray print harms nothing. Neither its end nor the end of its messages waits for
processes that it started and that hold its descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping

from fishd.pool.output_lines import OutputReader
from fishd.wire.channel import AsyncChannel
from fishd.wire.messages import FromWorker

REAP_S = 5.0
LAST_OUTPUT_S = 1.0
_ALWAYS = {
    "PYTHONUNBUFFERED": "1",  # its last words are not lost in a buffer
    "PYTHONFAULTHANDLER": "1",  # a segmentation fault says where
}


class Child:
    """A started process and the daemon's end of its channel."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        channel: AsyncChannel[FromWorker],
        output: OutputReader,
    ) -> None:
        self._process = process
        self._channel = channel
        self._output = output
        self.pid = process.pid

    @classmethod
    async def start(cls, env: Mapping[str, str], line: Callable[[str], None]) -> Child:
        """`line` is called with what it prints. Raises OSError when the machine gives no process."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            our_end, their_end = socket.socketpair()
            ours.callback(our_end.close)
            theirs.callback(their_end.close)
            # A pipe of our own: asyncio would say that the process has ended only when nobody, not even
            # one that it started, holds the other end any more.
            read_end, write_end = os.pipe()
            ours.callback(os.close, read_end)
            theirs.callback(os.close, write_end)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "fishd.worker",
                str(their_end.fileno()),
                str(os.getpid()),
                pass_fds=(their_end.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **_ALWAYS, **env},
                start_new_session=True,
            )
            ours.pop_all()
        return cls(process, AsyncChannel(our_end, FromWorker), OutputReader(read_end, line))

    def send(self, message: object) -> None:
        self._channel.send(message)

    async def receive(self) -> FromWorker:
        return await self._channel.receive()

    async def ended(self) -> None:
        """Wait until the process has ended; what it has sent can still be received, and no more comes."""
        await self._process.wait()
        self._channel.end()

    def kill(self) -> None:
        """It and all that it has started."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)  # it leads a group of its own

    async def reap(self) -> int:
        """Close our end, wait for the end of the process, by force if it lingers; its exit status."""
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
    """An exit status as an operator would say it."""
    if status >= 0:
        return f"the process ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"the process was killed by {name}"
