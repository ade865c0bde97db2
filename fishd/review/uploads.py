"""A new job from the browser: a file, streamed under a hidden name into the inbox, then renamed."""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from fishd.core.model.limits import Limits
from fishd.core.text.humanize import human_size
from fishd.spool.archive.unpack import lacking
from fishd.spool.bundle.load import lacking_script
from fishd.spool.durable.disk import create, write_all
from fishd.spool.endings import NEITHER, ending, is_archive
from fishd.spool.errors import disk_error
from fishd.spool.inbox.place import place, usable_name
from fishd.spool.names import printable

BLOCK_BYTES = 1 << 20
PREFIX = ".review-"
ABANDONED_S = 86_400


class BadUpload(Exception):  # noqa: N818 - whose fault it is
    """The file cannot become a job; the message says why."""


async def receive(stream: AsyncIterator[bytes], name: str, root: Path, limits: Limits) -> str:
    """Put the file into the inbox; the job's name. Raises BadUpload, SpoolError, ClientDisconnect."""
    suffix = ending(name)
    if not suffix:
        raise BadUpload(f"{printable(name[:100])}: {NEITHER}")
    part = root / "inbox" / f"{PREFIX}{secrets.token_hex(6)}{suffix}"  # hidden: the daemon ignores it
    try:
        await _write(stream, part, name, limits)
        return await asyncio.to_thread(_place, part, root, name, limits)
    except OSError as error:
        raise disk_error("the upload", "cannot be written into the inbox", error) from error
    finally:
        part.unlink(missing_ok=True)


def remove_abandoned(root: Path, now: float) -> None:
    """Remove what a server that was killed has left in the inbox."""
    for part in (root / "inbox").glob(f"{PREFIX}*"):
        with suppress(OSError):
            if now - part.lstat().st_mtime > ABANDONED_S:
                part.unlink()


async def _write(stream: AsyncIterator[bytes], part: Path, name: str, limits: Limits) -> None:
    most = limits.max_bytes if is_archive(name) else limits.script_bytes
    fd = await asyncio.to_thread(create, part)
    try:
        size, block = 0, bytearray()
        async for chunk in stream:
            size += len(chunk)
            if size > most:
                raise BadUpload(f"{printable(name[:100])}: is longer than {human_size(most)}, the limit")
            block += chunk
            if len(block) >= BLOCK_BYTES:
                await asyncio.to_thread(write_all, fd, bytes(block))
                block.clear()
        await asyncio.to_thread(write_all, fd, bytes(block))
        await asyncio.to_thread(os.fsync, fd)
    finally:
        os.close(fd)


def _place(part: Path, root: Path, name: str, limits: Limits) -> str:
    for fault in (lacking if is_archive(name) else lacking_script)(part, limits):
        raise BadUpload(f"{printable(name[:100])}: {printable(fault.what)}; pack it again, or drop it again")
    if (root / "inbox").stat().st_mode & stat.S_ISGID:  # the daemon, another user of the group, moves it
        part.chmod(0o664)
    return place(part, root, usable_name(name), ending(name))
