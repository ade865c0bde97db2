"""The daemon's ear for `fishd cancel`: a socket in the spool, for whoever may write there.

One asker after the other, each with little time: whoever dawdles is hung up on. Without the socket the
daemon serves all the same.
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
    """`cancel` takes a job's name and says whether there is such a job."""

    def __init__(self, path: Path, cancel: Callable[[str], bool]) -> None:
        self._path = path
        self._cancel = cancel

    async def run(self) -> None:
        """Until cancelled."""
        try:
            sock = self._listen()
        except OSError as error:
            _log.warning("[Main] %s cannot be made (%s): `fishd cancel` will not be heard", self._path, error)
            return
        try:
            with sock:
                await self._serve(sock)
        finally:
            self._path.unlink(missing_ok=True)

    def _listen(self) -> socket.socket:
        self._path.unlink(missing_ok=True)  # a crash's; the lock says that it is nobody else's
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
            asker, _ = await loop.sock_accept(sock)
            with asker, suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLIENT_TIMEOUT_S):
                    await self._answer(loop, asker)

    async def _answer(self, loop: asyncio.AbstractEventLoop, asker: socket.socket) -> None:
        line = b""
        while not line.endswith(b"\n"):
            piece = await loop.sock_recv(asker, MAX_LINE_BYTES)
            line += piece
            if not piece or len(line) > MAX_LINE_BYTES:
                return
        asked = decode_request(line)
        if asked is None:
            return
        await loop.sock_sendall(asker, msgspec.json.encode(Answer(self._cancel(asked.cancel))) + b"\n")
