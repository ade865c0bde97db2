"""A bundle that came as an archive: looked through, and unpacked beside it, within the limits.

An archive is untrusted like everything in it. Only plain files and folders with names below the bundle are
made; links, devices, encrypted and doubled members are refused, and so is what unpacks to more than the
limits or than `max_ratio` times the archive's size. Which kind it is, its content says, not its name.
"""

from __future__ import annotations

import errno
import gzip
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fishd.core.model.job import Fault
from fishd.core.model.limits import MIB, Limits
from fishd.spool.archive.members import Damaged, Encrypted, Member, tar_members, zip_members
from fishd.spool.durable.confined_fs import FILE_FLAGS, Refused, plain_path, size_in_words
from fishd.spool.durable.disk import create, write_all
from fishd.spool.errors import disk_error

ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")
NEITHER = f"is neither a folder nor an archive ({', '.join(ENDINGS)})"
MAGICS = ((0, b"PK", ".zip"), (0, b"\x1f\x8b", ".tar.gz"), (257, b"ustar", ".tar"))  # at which byte, what
FREE_BYTES = 16 * MIB  # so much may come out of however little
IGNORED = ("__MACOSX", ".DS_Store")  # what a Mac adds
SPEAKERS = ("lines.txt", "reference.txt")  # a folder that holds one of these is a speaker, not a bundle
OF_THE_BUNDLE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


def without_ending(name: str) -> str:
    """`NAME.tar.gz` -> `NAME`: what the job is called. Other names are left as they are."""
    return name[: len(name) - len(ending(name))] or name


def ending(name: str) -> str:
    """`NAME.TAR.GZ` -> `.tar.gz`; "" for a name that is no archive's."""
    return next((ending for ending in ENDINGS if name.lower().endswith(ending)), "")


def is_archive(name: str) -> bool:
    """Whether a file of this name is dropped as an archive."""
    return bool(ending(name))


def ending_by_content(path: Path) -> str:
    """The ending that fits a file's content; "" for a folder and for what does not look like an archive."""
    try:
        with _opened(path) as file:
            head = file.read(512)
    except (Refused, OSError):
        return ""
    return next((ending for at, magic, ending in MAGICS if head.startswith(magic, at)), "")


def names_of(job: str) -> tuple[str, ...]:
    """What a job's bundle may be called in the inbox and in the archive."""
    return (job, *(job + ending for ending in ENDINGS))


def bundle_in(folder: Path, job: str) -> Path | None:
    """A job's bundle in inbox/ or archive/, a folder or an archive; of several, the one that came last."""
    came: dict[Path, int] = {}
    for name in names_of(job):
        with suppress(OSError):
            came[folder / name] = (folder / name).lstat().st_ctime_ns
    return max(came, key=came.__getitem__, default=None)


def lacking(path: Path, limits: Limits) -> tuple[Fault, ...]:
    """What an archive in the inbox still waits for: its end. All other faults are for its reader."""
    try:
        with _opened(path) as file, _translated():
            for member in _members(file, limits):
                for _ in _bounded(member, limits):
                    pass
    except Damaged as damaged:
        return (Fault("bundle", str(damaged)),)
    except (Refused, OSError):
        return ()
    return ()


def unpack(path: Path, into: Path, limits: Limits) -> Path:
    """Unpack into a new folder; the bundle's folder in it: itself, or the only folder in it.

    Raises Refused for what is wrong with the archive, SpoolError for what the spool's disk refuses.
    """
    try:
        into.mkdir()
    except OSError as error:
        raise disk_error(str(into), "cannot be made", error) from error
    with _opened(path) as file, _translated():
        most = min(limits.max_bytes, FREE_BYTES + limits.max_ratio * os.fstat(file.fileno()).st_size)
        left = [limits.max_files, most]
        for member in _members(file, limits):
            if not any(part in IGNORED for part in member.name.split("/")):
                _make(member, into, limits, left)
    return _top(into)


@contextmanager
def _opened(path: Path) -> Generator[IO[bytes]]:
    """The archive as a file that is surely one. Raises Refused."""
    try:
        fd = os.open(path, FILE_FLAGS | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"cannot be opened: {error.strerror}") from error
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Refused("is not a file; drop a folder or an archive")
        yield file


def _members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    magic = file.read(2)
    file.seek(0)
    return (zip_members if magic == b"PK" else tar_members)(file, limits)


@contextmanager
def _translated() -> Generator[None]:
    """What the standard library raises for an archive that is not as it should be, as a refusal."""
    try:
        yield
    except Encrypted as error:
        raise Refused("is encrypted; drop it without a password") from error
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Damaged(f"is damaged, or its end is missing ({str(error)[:100]})") from error
    except OSError as error:  # zipfile goes where a false directory sends it
        raise Damaged(f"cannot be read: {error.strerror}") from error
    except NotImplementedError as error:
        raise Refused(f"is packed in a way that is not taken: {str(error)[:100]}") from error
    except (ValueError, RecursionError, OverflowError, LookupError, struct.error) as error:
        raise Refused(f"is no archive that can be read ({str(error)[:100]})") from error


def _make(member: Member, into: Path, limits: Limits, left: list[int]) -> None:
    """Put one member where it belongs; `left` are the files and bytes that may still come."""
    relative = _path_of(member, limits)
    left[0] -= 1
    if left[0] < 0:
        raise Refused(f"holds more than {limits.max_files:,} files")
    if not relative:
        return
    target = into / relative
    with _of_the_bundle(member):
        (target if member.is_folder else target.parent).mkdir(parents=True, exist_ok=True)
        if member.is_folder:
            return
        fd = create(target)
    try:
        for piece in member.content():
            left[1] -= len(piece)
            if left[1] < 0:
                raise _too_much(limits)
            with _of_the_bundle(member):
                write_all(fd, piece)
    finally:
        os.close(fd)


def _path_of(member: Member, limits: Limits) -> str:
    """Below the bundle, as safefs wants it; "" for the bundle's folder itself. Raises Refused."""
    if member.oddity:
        raise Refused(f"{member.shown} in it is {member.oddity}; only files and folders are taken")
    if member.is_folder and not member.name.strip("./"):
        return "" if ".." not in member.name else plain_path(member.name)
    try:
        relative = plain_path(member.name)
    except Refused as refused:
        raise Refused(f"{member.shown} in it {refused}") from refused
    if relative.count("/") > limits.max_depth:
        raise Refused(f"holds folders more than {limits.max_depth} deep")
    return relative


def _bounded(member: Member, limits: Limits) -> Iterable[bytes]:
    """Its content, for the look at its end only: no more than may come out of a whole archive."""
    seen = 0
    for piece in member.content() if not (member.is_folder or member.oddity) else ():
        seen += len(piece)
        if seen > limits.max_bytes:
            raise _too_much(limits)
        yield piece


@contextmanager
def _of_the_bundle(member: Member) -> Generator[None]:
    """Whose fault is it that a member cannot be made?"""
    try:
        yield
    except OSError as error:
        if error.errno in OF_THE_BUNDLE:
            raise Refused(f"{member.shown} in it cannot be made: {error.strerror}") from error
        raise disk_error("an archive", "cannot be unpacked", error) from error
    except ValueError as error:  # a NUL in a name
        raise Refused(f"{member.shown} in it has no name that can be used") from error


def _too_much(limits: Limits) -> Refused:
    most = size_in_words(limits.max_bytes)
    return Refused(f"unpacks to more than {most}, or than {limits.max_ratio} times its own size")


def _top(into: Path) -> Path:
    """People pack a folder as often as what is in it."""
    found = [path for path in into.iterdir() if not path.name.startswith(".")]
    if len(found) != 1 or not found[0].is_dir():
        return into
    return into if any((found[0] / name).exists() for name in SPEAKERS) else found[0]
