"""Unpack a bundle that was dropped as an archive, within the limits.

An archive is untrusted, like everything in it. Only regular files and folders with names below the bundle
are created; links, devices, encrypted and duplicate members are refused, and so is what unpacks to more than
the limits or than `max_ratio` times the archive's size. The kind of archive is known by its content.
"""

from __future__ import annotations

import errno
import gzip
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fishd.core.model.job import Fault
from fishd.core.model.limits import MIB, Limits
from fishd.core.text.humanize import human_size
from fishd.spool.archive.members import Damaged, Encrypted, Member, tar_members, zip_members
from fishd.spool.durable.confined_fs import Refused, plain_path
from fishd.spool.durable.disk import create, write_all
from fishd.spool.endings import open_archive
from fishd.spool.errors import disk_error

FREE_BYTES = 16 * MIB  # may come out of any archive, however small
IGNORED = ("__MACOSX", ".DS_Store")  # what macOS adds
SPEAKERS = ("lines.txt", "reference.txt")  # a folder that holds one of these is a speaker, not a bundle
BUNDLE_ERRORS = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


@dataclass(slots=True)
class _Allowance:
    """What may still come out of an archive."""

    limits: Limits
    files: int
    size_bytes: int

    def use_file(self) -> None:
        self.files -= 1
        if self.files < 0:
            raise Refused(f"holds more than {self.limits.max_files:,} files")

    def use_bytes(self, number: int) -> None:
        self.size_bytes -= number
        if self.size_bytes < 0:
            most, ratio = human_size(self.limits.max_bytes), self.limits.max_ratio
            raise Refused(f"unpacks to more than {most}, or than {ratio} times its own size")


def lacking(path: Path, limits: Limits) -> tuple[Fault, ...]:
    """A fault if the archive's end is still missing. All other faults are for its reader to report."""
    try:
        with open_archive(path) as file, _translated():
            for member in _members(file, limits):
                _read_through(member, limits)
    except Damaged as damaged:
        return (Fault("bundle", str(damaged)),)
    except (Refused, OSError):
        return ()
    return ()


def unpack(path: Path, target: Path, limits: Limits) -> Path:
    """Unpack into a new folder, `target`; return the bundle's folder: `target`, or the only folder in it.

    Raises Refused for a fault of the archive, SpoolError for a failure of the spool's disk.
    """
    try:
        target.mkdir()
    except OSError as error:
        raise disk_error(str(target), "cannot be created", error) from error
    with open_archive(path) as file, _translated():
        most = min(limits.max_bytes, FREE_BYTES + limits.max_ratio * os.fstat(file.fileno()).st_size)
        allowance = _Allowance(limits, limits.max_files, most)
        for member in _members(file, limits):
            if not any(part in IGNORED for part in member.name.split("/")):
                _extract(member, target, allowance)
    return _top_folder(target)


def _members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    magic = file.read(2)
    file.seek(0)
    return (zip_members if magic == b"PK" else tar_members)(file, limits)


@contextmanager
def _translated() -> Generator[None]:
    """Turns what the standard library raises for a bad archive into Refused."""
    try:
        yield
    except Encrypted as error:
        raise Refused("is encrypted; drop it without a password") from error
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Damaged(f"is damaged, or its end is missing ({str(error)[:100]})") from error
    except OSError as error:  # zipfile seeks to wherever a false directory points
        raise Damaged(f"cannot be read: {error.strerror}") from error
    except NotImplementedError as error:
        raise Refused(f"is compressed in an unsupported way: {str(error)[:100]}") from error
    except (ValueError, RecursionError, OverflowError, LookupError, struct.error) as error:
        raise Refused(f"is not an archive that can be read ({str(error)[:100]})") from error


def _read_through(member: Member, limits: Limits) -> None:
    """Read a member to its end, up to what may come out of a whole archive."""
    if member.is_folder or member.oddity:
        return
    allowance = _Allowance(limits, limits.max_files, limits.max_bytes)
    for chunk in member.content():
        allowance.use_bytes(len(chunk))


def _extract(member: Member, folder: Path, allowance: _Allowance) -> None:
    relative = _member_path(member, allowance.limits)
    allowance.use_file()
    if not relative:
        return
    target = folder / relative
    with _whose_fault(member):
        (target if member.is_folder else target.parent).mkdir(parents=True, exist_ok=True)
        if member.is_folder:
            return
        fd = create(target)
    try:
        for chunk in member.content():
            allowance.use_bytes(len(chunk))
            with _whose_fault(member):
                write_all(fd, chunk)
    finally:
        os.close(fd)


def _member_path(member: Member, limits: Limits) -> str:
    """The path below the bundle; "" for the bundle's folder itself. Raises Refused."""
    if member.oddity:
        raise Refused(f"{member.shown} in it is {member.oddity}; only files and folders are allowed")
    if member.is_folder and not member.name.strip("./"):
        return "" if ".." not in member.name else plain_path(member.name)
    try:
        relative = plain_path(member.name)
    except Refused as refused:
        raise Refused(f"{member.shown} in it {refused}") from refused
    if relative.count("/") > limits.max_depth:
        raise Refused(f"holds folders more than {limits.max_depth} deep")
    return relative


@contextmanager
def _whose_fault(member: Member) -> Generator[None]:
    """Raises Refused if a member cannot be created because of its name, SpoolError if because of the disk."""
    try:
        yield
    except OSError as error:
        if error.errno in BUNDLE_ERRORS:
            raise Refused(f"{member.shown} in it cannot be created: {error.strerror}") from error
        raise disk_error("an archive", "cannot be unpacked", error) from error
    except ValueError as error:  # a NUL in a name
        raise Refused(f"{member.shown} in it has an invalid name") from error


def _top_folder(target: Path) -> Path:
    """People pack a folder as often as its content."""
    found = [path for path in target.iterdir() if not path.name.startswith(".")]
    if len(found) != 1 or not found[0].is_dir():
        return target
    return target if any((found[0] / name).exists() for name in SPEAKERS) else found[0]
