"""Frames over real socketpairs: complete, split, oversized, invalid, and ended in the middle."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import msgspec
import pytest

from fishd.wire.channel import MAX_FRAME_BYTES, AsyncChannel, BadFrame, BlockingChannel, EndOfStream, encode
from fishd.wire.messages import CancelTake, FromWorker, Progress, Stop, TakeError, ToWorker

Pair = tuple[socket.socket, socket.socket]
LIMIT_S = 20.0


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def receive_async(ours: socket.socket, count: int = 1) -> list[object]:
    """The messages that the daemon's end receives, and the exception that ends them."""

    async def run() -> list[object]:
        channel: AsyncChannel[object] = AsyncChannel(ours, FromWorker)
        received: list[object] = []
        async with asyncio.timeout(LIMIT_S):
            for _ in range(count):
                try:
                    received.append(await channel.receive())
                except (BadFrame, EndOfStream) as error:
                    received.append(error)
                    break
        return received

    return asyncio.run(run())


def receive_blocking(ours: socket.socket, count: int = 1) -> list[object]:
    """The same for the worker's end."""
    channel: BlockingChannel[object] = BlockingChannel(ours, FromWorker)
    received: list[object] = []
    for _ in range(count):
        try:
            received.append(channel.receive())
        except (BadFrame, EndOfStream) as error:
            received.append(error)
            break
    return received


async def receive_to_the_end(channel: AsyncChannel[object]) -> list[object]:
    received: list[object] = []
    with contextlib.suppress(EndOfStream):
        async with asyncio.timeout(LIMIT_S):
            while True:
                received.append(await channel.receive())
    channel.close()
    return received


both_ends = pytest.mark.parametrize("receive", [receive_async, receive_blocking])


@both_ends
def test_messages_are_received_as_they_were_sent(pair: Pair, receive) -> None:
    """They are equal and in order, even if several are sent in one write."""
    sent = [Progress(1), TakeError("1.0.0.1", "reason – “quoted”", retry=True), Progress(2, 1.5)]
    pair[1].sendall(b"".join(encode(message) for message in sent))
    assert sent == receive(pair[0], 3)


@both_ends
def test_a_frame_may_arrive_byte_by_byte(pair: Pair, receive) -> None:
    """Its length may be split too."""
    frame = encode(TakeError("1", "x" * 50, retry=False))

    def send_byte_by_byte() -> None:
        for byte in frame:
            pair[1].sendall(bytes([byte]))

    sending = threading.Thread(target=send_byte_by_byte)
    sending.start()
    assert [TakeError("1", "x" * 50, retry=False)] == receive(pair[0])
    sending.join()


@both_ends
def test_a_frame_larger_than_the_sockets_buffer_arrives(pair: Pair, receive) -> None:
    """The message has a megabyte."""
    message = TakeError("1", "x" * 1_000_000, retry=False)
    sending = threading.Thread(target=pair[1].sendall, args=(encode(message),))
    sending.start()
    assert [message] == receive(pair[0])
    sending.join()


@both_ends
def test_an_oversized_length_is_refused_before_its_bytes_arrive(pair: Pair, receive) -> None:
    """Its four bytes are enough."""
    pair[1].sendall(struct.pack(">I", MAX_FRAME_BYTES + 1))
    (error,) = receive(pair[0])
    assert isinstance(error, BadFrame)
    assert f"a frame of {MAX_FRAME_BYTES + 1} bytes; at most {MAX_FRAME_BYTES} are allowed" in str(error)


@both_ends
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1 not msgpack",
        msgspec.msgpack.encode({"type": "NoSuchMessage"}),
        msgspec.msgpack.encode({"type": "Progress", "steps": "many"}),
        msgspec.msgpack.encode({"type": "Failed", "take": "1"}),
        msgspec.msgpack.encode(Stop()),  # known, but not from a worker
        b"\x82\xa4type\xa8Progress\xa5steps\xa2\xff\xfe",
        b"\x82\xa4type\xa8Progress\xa1x" + b"\x91" * 100_000,
    ],
)
def test_an_invalid_message_raises_bad_frame(pair: Pair, receive, body: bytes) -> None:
    """It is not msgpack, unknown, of the wrong type or direction, not UTF-8, or nested too deeply."""
    pair[1].sendall(struct.pack(">I", len(body)) + body)
    assert [BadFrame] == [type(error) for error in receive(pair[0])]


@both_ends
@pytest.mark.parametrize("sent", [0, 2, 4, 9])
def test_the_end_raises_end_of_stream_also_inside_a_frame(pair: Pair, receive, sent: int) -> None:
    """The stream ends before a frame, in its length, or in its body."""
    pair[1].sendall(encode(Progress(1)) + encode(Progress(2))[:sent])
    pair[1].close()
    first, end = receive(pair[0], 2)
    assert Progress(1) == first
    assert isinstance(end, EndOfStream)


def test_messages_sent_before_a_peers_death_are_received_although_writing_fails(pair: Pair) -> None:
    async def run() -> list[object]:
        channel: AsyncChannel[object] = AsyncChannel(pair[0], FromWorker)
        channel.send(CancelTake("unread"))
        BlockingChannel[object](pair[1], ToWorker).send(Progress(1))
        pair[1].close()
        for _ in range(3):
            channel.send(CancelTake("1"))
        return await receive_to_the_end(channel)

    assert [Progress(1)] == asyncio.run(run())


def test_sending_never_blocks_and_keeps_the_order(pair: Pair) -> None:
    """Ten megabytes are queued for a peer that does not read yet, and arrive completely."""
    sent = [CancelTake(f"{n}" + "x" * 100_000) for n in range(100)]
    received: list[object] = []

    def receive_all() -> None:
        channel: BlockingChannel[object] = BlockingChannel(pair[1], ToWorker)
        received.extend(channel.receive() for _ in sent)

    async def run() -> None:
        channel: AsyncChannel[object] = AsyncChannel(pair[0], FromWorker)
        for message in sent:
            channel.send(message)
        async with asyncio.timeout(LIMIT_S):
            await asyncio.to_thread(receive_all)

    asyncio.run(run())
    assert sent == received


def test_after_shutdown_messages_are_received_to_the_end_although_the_peer_is_open(pair: Pair) -> None:
    """Another process may have inherited the peer's descriptor."""

    async def run() -> list[object]:
        channel: AsyncChannel[object] = AsyncChannel(pair[0], FromWorker)
        pair[1].sendall(encode(Progress(1)))
        channel.shutdown()
        return await receive_to_the_end(channel)

    assert [Progress(1)] == asyncio.run(run())


def test_a_waiting_receive_is_woken_by_shutdown(pair: Pair) -> None:
    async def run() -> None:
        channel: AsyncChannel[object] = AsyncChannel(pair[0], FromWorker)
        waiting = asyncio.ensure_future(channel.receive())
        await asyncio.sleep(0)
        channel.shutdown()
        with pytest.raises(EndOfStream):
            await asyncio.wait_for(waiting, LIMIT_S)
        channel.close()

    asyncio.run(run())


def test_a_message_above_the_limit_is_not_sent() -> None:
    """The error names its kind and size."""
    with pytest.raises(BadFrame, match="a CancelTake of 9000"):
        encode(CancelTake("x" * 9_000_000))


def test_a_text_that_is_not_unicode_is_not_sent() -> None:
    """A file name that is not UTF-8 has lone surrogates."""
    with pytest.raises(BadFrame, match="a CancelTake holds a text that is not Unicode"):
        encode(CancelTake("\udcff"))


def test_the_blocking_channel_reports_that_its_peer_is_gone(pair: Pair) -> None:
    """It does so when it sends."""
    pair[0].close()
    channel: BlockingChannel[object] = BlockingChannel(pair[1], ToWorker)
    with pytest.raises(EndOfStream):
        channel.send(Progress(1))
