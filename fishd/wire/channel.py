"""Frames over a socket: an async channel for the daemon and a blocking channel for a worker.

A frame is a 4-byte big-endian length and that many bytes of msgpack. A length above the limit, or bytes that
are not a message of the expected kind (a union of Struct types), raise BadFrame: the peer can no longer be
trusted. The end of the stream raises EndOfStream, also in the middle of a frame.

What a peer sent before it died is always received: a write that fails never closes the reading side.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Any, Generic, TypeVar

import msgspec

MAX_FRAME_BYTES = 8 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_CHUNK_BYTES = 64 * 1024

M = TypeVar("M")


class BadFrame(Exception):  # noqa: N818 - reads as what it is
    """The bytes on the wire are not a valid message."""


class EndOfStream(Exception):  # noqa: N818 - reads as what it is
    """The peer is gone."""


def encode(message: object) -> bytes:
    """A message as one frame."""
    try:
        body = msgspec.msgpack.encode(message)
    except UnicodeEncodeError as error:
        raise BadFrame(f"a {type(message).__name__} holds a text that is not Unicode: {error}") from error
    if len(body) > MAX_FRAME_BYTES:
        raise BadFrame(
            f"a {type(message).__name__} of {len(body)} bytes is over the limit of {MAX_FRAME_BYTES}"
        )
    return _LENGTH.pack(len(body)) + body


class _Frames(Generic[M]):
    """Decodes messages from bytes as they arrive."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)
        self._bytes = bytearray()

    def feed(self, chunk: bytes) -> None:
        self._bytes += chunk

    def next(self) -> M | None:
        """The next message, or None if it is not complete yet."""
        if len(self._bytes) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._bytes)
        if length > MAX_FRAME_BYTES:
            raise BadFrame(f"a frame of {length} bytes; at most {MAX_FRAME_BYTES} are allowed")
        end = _LENGTH.size + length
        if len(self._bytes) < end:
            return None
        body = bytes(self._bytes[_LENGTH.size : end])
        del self._bytes[:end]
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadFrame(str(error)) from error


class AsyncChannel(Generic[M]):
    """The daemon's end. It never blocks the loop; `receive` may be awaited by one task at a time."""

    def __init__(self, sock: socket.socket, incoming: Any) -> None:
        """Takes over `sock`; call it in a running loop."""
        sock.setblocking(False)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        # The mutable state.
        self._frames: _Frames[M] = _Frames(incoming)
        self._receiver: asyncio.Future[None] | None = None  # set when there is something new to receive
        self._has_ended = False  # nothing more can be received
        self._unsent = bytearray()
        self._is_writable = True  # until a write fails
        self._loop.add_reader(sock, self._read)  # once: loop.sock_recv would do so for every message

    def send(self, message: object) -> None:
        """Queue a message; to a dead peer it is dropped (`receive` reports the end)."""
        frame = encode(message)
        if not self._is_writable:
            return
        is_first = not self._unsent
        self._unsent += frame
        if is_first:
            self._write()

    async def receive(self) -> M:
        while (message := self._frames.next()) is None:
            if self._has_ended:
                raise EndOfStream
            self._receiver = self._loop.create_future()
            await self._receiver
        return message

    def shutdown(self) -> None:
        """End the stream, whoever else holds the peer's socket; what was sent can still be received."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._stop_writing()
        self._end_reading()
        self._sock.close()

    def _read(self) -> None:
        try:
            chunk = self._sock.recv(_CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            chunk = b""
        if chunk:
            self._frames.feed(chunk)
        else:
            self._end_reading()
        self._wake()

    def _end_reading(self) -> None:
        self._has_ended = True
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
        self._wake()

    def _wake(self) -> None:
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)

    def _write(self) -> None:
        """Write as much as the socket accepts now, and the rest when it is writable again."""
        try:
            sent = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._stop_writing()
            return
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._sock, self._write)
        else:
            self._loop.remove_writer(self._sock)

    def _stop_writing(self) -> None:
        self._is_writable = False
        self._unsent.clear()
        if self._sock.fileno() >= 0:
            self._loop.remove_writer(self._sock)


class BlockingChannel(Generic[M]):
    """The worker's end. `send` may be called from any thread, `receive` from one."""

    def __init__(self, sock: socket.socket, incoming: Any) -> None:
        self._sock = sock
        self._frames: _Frames[M] = _Frames(incoming)
        self._sending = threading.Lock()

    def send(self, message: object) -> None:
        frame = encode(message)
        try:
            with self._sending:
                self._sock.sendall(frame)
        except OSError as error:
            raise EndOfStream from error

    def receive(self) -> M:
        while (message := self._frames.next()) is None:
            try:
                chunk = self._sock.recv(_CHUNK_BYTES)
            except ConnectionError as error:
                raise EndOfStream from error
            if not chunk:
                raise EndOfStream
            self._frames.feed(chunk)
        return message
