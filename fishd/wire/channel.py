"""Frames over a socket: an async end for the daemon and a blocking end for a worker.

A frame is a 4-byte big-endian length and that many bytes of msgpack. A length above the cap, or bytes
that are no message of the expected kind (a union of Struct types), raise BadFrame: the peer is then not to
be trusted any more. The end of the stream raises EndOfStream, also in the midst of a frame.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Any, Generic, TypeVar

import msgspec

MAX_FRAME_BYTES = 8 * 1024 * 1024
_LENGTH = struct.Struct(">I")

M = TypeVar("M")


class BadFrame(Exception):  # noqa: N818 - reads as what it is
    """The bytes on the wire are not a message."""


class EndOfStream(Exception):  # noqa: N818 - reads as what it is
    """The other end is gone."""


def encode(message: object) -> bytes:
    """A message as one frame."""
    body = msgspec.msgpack.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise BadFrame(f"a {type(message).__name__} of {len(body)} bytes is over {MAX_FRAME_BYTES}")
    return _LENGTH.pack(len(body)) + body


def _body_length(header: bytes) -> int:
    (length,) = _LENGTH.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise BadFrame(f"a frame of {length} bytes is announced; at most {MAX_FRAME_BYTES} are taken")
    return length


class _Decoder(Generic[M]):
    """Bytes of one frame's body -> message."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)

    def __call__(self, body: bytes) -> M:
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadFrame(f"not a message: {error}") from error


class AsyncChannel(Generic[M]):
    """The daemon's end. Reading and writing never block the loop; `receive` has one caller at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, incoming: Any) -> None:
        self._reader = reader
        self._writer = writer
        self._decode: _Decoder[M] = _Decoder(incoming)

    @classmethod
    async def over(cls, sock: socket.socket, incoming: Any) -> AsyncChannel[M]:
        reader, writer = await asyncio.open_connection(sock=sock, limit=MAX_FRAME_BYTES)
        return cls(reader, writer, incoming)

    def send(self, message: object) -> None:
        """Put a message on its way; to a dead peer, in silence (its EOF says it)."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def receive(self) -> M:
        try:
            header = await self._reader.readexactly(_LENGTH.size)
            body = await self._reader.readexactly(_body_length(header))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EndOfStream from error
        return self._decode(body)

    def close(self) -> None:
        self._writer.close()


class BlockingChannel(Generic[M]):
    """The worker's end. `send` may be called from several threads; `receive` from one."""

    def __init__(self, sock: socket.socket, incoming: Any) -> None:
        self._sock = sock
        self._decode: _Decoder[M] = _Decoder(incoming)
        self._sending = threading.Lock()

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, message: object) -> None:
        frame = encode(message)
        try:
            with self._sending:
                self._sock.sendall(frame)
        except (BrokenPipeError, ConnectionError) as error:
            raise EndOfStream from error

    def receive(self) -> M:
        header = self._exactly(_LENGTH.size)
        return self._decode(self._exactly(_body_length(header)))

    def _exactly(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            try:
                part = self._sock.recv(min(count, 1 << 20))
            except ConnectionError as error:
                raise EndOfStream from error
            if not part:
                raise EndOfStream
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
