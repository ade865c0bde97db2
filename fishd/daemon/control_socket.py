"""The socket in the spool over which `fishd cancel` reaches the daemon.

One client at a time, with a timeout of 2 s. The daemon also runs without the socket.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from fishd.wire.control import MAX_LINE_BYTES, Answer, address, decode_request

_log = logging.getLogger("fishd.control")
CLIENT_TIMEOUT_S = 2.0


class ControlSocket:
    """`cancel` takes a job's name and tells whether there is such a job."""

    def __init__(self, path: Path, cancel: Callable[[str], bool]) -> None:
        self._path = path
        self._cancel = cancel

    async def run(self) -> None:
        """Until cancelled."""
        try:
            sock = self._listen()
        except OSError as error:
            _log.warning("[Main] %s cannot be created (%s): `fishd cancel` will not work", self._path, error)
            return
        try:
            with sock:
                await self._serve(sock)
        finally:
            self._path.unlink(missing_ok=True)

    def _listen(self) -> socket.socket:
        self._path.unlink(missing_ok=True)  # left by a crash: the spool's lock is ours
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            with address(self._path) as short:
                sock.bind(short)
            self._path.chmod(0o660)
            sock.listen()
        except OSError:
            sock.close()
            raise
        return sock

    async def _serve(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(sock)
            with client, suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLIENT_TIMEOUT_S):
                    await self._answer(loop, client)

    async def _answer(self, loop: asyncio.AbstractEventLoop, client: socket.socket) -> None:
        line = b""
        while not line.endswith(b"\n"):
            piece = await loop.sock_recv(client, MAX_LINE_BYTES)
            line += piece
            if not piece or len(line) > MAX_LINE_BYTES:
                return
        request = decode_request(line)
        if request is None:
            return
        await loop.sock_sendall(client, msgspec.json.encode(Answer(self._cancel(request.cancel))) + b"\n")
