"""Clips that come back from a node: complete and unchanged on the disk, or not at all."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fishd.cluster.driver.clips import AT_ONCE, BadClipContent, ClipFetcher
from fishd.core.model.hashes import content_hash
from fishd.wire.messages import ClipWritten

CONTENT = b"sound" * 2_000_000  # 10 MB: three chunks


def clip(content: bytes = CONTENT) -> ClipWritten:
    return ClipWritten("1", 1.0, len(content), 0.5, 0.1, content_hash(content))


def reading(content: bytes) -> Callable[[str, int, int], Awaitable[bytes]]:
    async def read(take: str, offset: int, size_bytes: int) -> bytes:
        return content[offset : offset + size_bytes]

    return read


def fetch(path: Path, arrived: bytes, on_errno: Callable[[int], None] = lambda _: None) -> None:
    asyncio.run(ClipFetcher().fetch(reading(arrived), clip(), path, on_errno))


def test_a_clip_is_written_whole(tmp_path: Path) -> None:
    """In a folder that is created for it; no other file is left."""
    fetch(tmp_path / "clips" / "1.wav", CONTENT)
    assert [("1.wav", CONTENT)] == [(file.name, file.read_bytes()) for file in (tmp_path / "clips").iterdir()]


@pytest.mark.parametrize("arrived", [CONTENT[:-1], CONTENT[:-1] + b"x", b""])
def test_a_clip_that_arrives_damaged_is_not_written(tmp_path: Path, arrived: bytes) -> None:
    """Cut off, changed, or gone."""
    with pytest.raises(BadClipContent, match="of 10000000 bytes arrived"):
        fetch(tmp_path / "1.wav", arrived)
    assert [] == list(tmp_path.iterdir())


def test_a_disk_that_fails_is_tried_again(tmp_path: Path) -> None:
    """Each attempt fetches the clip anew, and the errno is reported."""
    reported: list[int] = []
    attempts: list[int] = []

    async def read(take: str, offset: int, size_bytes: int) -> bytes:
        attempts.append(offset)
        if len(attempts) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return CONTENT[offset : offset + size_bytes]

    asyncio.run(ClipFetcher().fetch(read, clip(), tmp_path / "1.wav", reported.append))
    assert [errno.ENOSPC] * 2 == reported
    assert CONTENT == (tmp_path / "1.wav").read_bytes()


def test_what_a_retry_cannot_help_is_raised(tmp_path: Path) -> None:
    """A path that cannot be."""
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        fetch(tmp_path / "file" / "clips" / "1.wav", CONTENT)


def test_only_a_few_clips_are_fetched_at_once(tmp_path: Path) -> None:
    """This bounds the memory."""
    now, most = 0, 0

    async def read(take: str, offset: int, size_bytes: int) -> bytes:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return CONTENT[offset : offset + size_bytes]

    async def fetch_all() -> None:
        fetcher = ClipFetcher()
        paths = [tmp_path / f"{n}.wav" for n in range(2 * AT_ONCE)]
        await asyncio.gather(*(fetcher.fetch(read, clip(), path, lambda _: None) for path in paths))

    asyncio.run(fetch_all())
    assert AT_ONCE == most
