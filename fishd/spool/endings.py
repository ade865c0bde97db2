"""Which files are bundles: archives and scripts, by name or by content; and the names of a job's bundle."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fishd.spool.durable.confined_fs import FILE_FLAGS, Refused

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
SCRIPTS = (".srt", ".vtt", ".ass", ".ssa", ".csv", ".tsv", ".txt", ".md", ".fountain", ".epub")
ENDINGS = ARCHIVES + SCRIPTS
REQUEST = ".revision.toml"  # a request for a revision, which is no bundle
NEITHER = f"is neither a folder, an archive ({', '.join(ARCHIVES)}) nor a script ({', '.join(SCRIPTS)})"
MAGICS = ((0, b"PK", ".zip"), (0, b"\x1f\x8b", ".tar.gz"), (257, b"ustar", ".tar"))  # offset, bytes, ending


def ending(name: str) -> str:
    """`NAME.TAR.GZ` -> `.tar.gz`; "" for a name that is neither an archive's nor a script's."""
    return next((ending for ending in ENDINGS if name.lower().endswith(ending)), "")


def without_ending(name: str) -> str:
    """`NAME.tar.gz` -> `NAME`, the job's name. Other names stay as they are."""
    return name[: len(name) - len(ending(name))] or name


def is_archive(name: str) -> bool:
    return ending(name) in ARCHIVES


def is_script(name: str) -> bool:
    return ending(name) in SCRIPTS


def is_request(name: str) -> bool:
    """Is this the name of a request for a revision?"""
    return name.lower().endswith(REQUEST)


def ending_by_content(path: Path) -> str:
    """The ending that fits a file's content; "" for a folder and for what does not look like an archive."""
    try:
        with open_archive(path) as file:
            head = file.read(512)
    except (Refused, OSError):
        return ""
    return next((ending for offset, magic, ending in MAGICS if head.startswith(magic, offset)), "")


def names_of(job: str) -> tuple[str, ...]:
    """The names that a job's bundle may have in inbox/ and archive/."""
    return (job, *(job + ending for ending in ENDINGS))


def bundle_in(folder: Path, job: str) -> Path | None:
    """A job's bundle in inbox/ or archive/, a folder or a file; of several, the latest."""
    changed: dict[Path, int] = {}
    for name in names_of(job):
        with suppress(OSError):
            changed[folder / name] = (folder / name).lstat().st_ctime_ns
    return max(changed, key=changed.__getitem__, default=None)


def unexpected_ending(dropped: Path) -> str | None:
    """The ending of a file whose content suggests another one: a .docx is a zip as well. Raises OSError."""
    if stat.S_ISDIR(dropped.lstat().st_mode):
        return None
    by_name = ending(dropped.name)
    return None if by_name == ending_by_content(dropped) else by_name


@contextmanager
def open_archive(path: Path) -> Generator[IO[bytes]]:
    """An open regular file. Raises Refused."""
    try:
        fd = os.open(path, FILE_FLAGS | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):  # os.fdopen raises for a folder and leaves it open
        os.close(fd)
        raise Refused("is not a file; drop a folder or an archive")
    with os.fdopen(fd, "rb") as file:
        yield file
