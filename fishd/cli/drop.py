"""Copying a bundle into the inbox so that the daemon sees all of it or nothing.

The copy is made under a hidden name in the inbox, synced to disk, marked `.ready` if it is a folder, and then
renamed without replacing anything. The bundle itself may be given by a symbolic link; links inside it are
copied as links, and the daemon refuses them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fishd.cli.output import CommandError
from fishd.core.model.limits import Limits
from fishd.spool.archive.unpack import lacking
from fishd.spool.bundle.load import lacking_script
from fishd.spool.durable.disk import Disk
from fishd.spool.endings import NEITHER, ending, is_archive
from fishd.spool.errors import fix_for
from fishd.spool.inbox.place import place, usable_name
from fishd.spool.inbox.scan import READY
from fishd.spool.names import printable

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Dropped:
    """A bundle in the inbox; its job, its result and its archived bundle get the same name."""

    name: str
    files: int
    size_bytes: int


def drop(bundle: Path, root: Path, name: str | None = None, limits: Limits | None = None) -> Dropped:
    """Copy a bundle, a folder, an archive or a script, into the spool's inbox. Raises CommandError."""
    source = _resolve(bundle, root)
    suffix = "" if source.is_dir() else ending(source.name)
    if suffix:
        _check_file(bundle, source, limits or Limits())
    inbox = root / "inbox"
    part = inbox / f".{secrets.token_hex(6)}.part"
    try:
        copy = _copy_single_file if suffix else _copy_folder
        files, size_bytes = copy(source, part, is_shared=_is_shared(inbox))
        free_name = place(part, root, usable_name(name or source.name), suffix)
        return Dropped(free_name, files, size_bytes)
    except OSError as error:
        raise CommandError(_describe(error, bundle)) from error
    finally:
        _remove(part)


def _resolve(bundle: Path, root: Path) -> Path:
    """The folder or file to copy, with its full path. Raises CommandError for what cannot be a bundle."""
    if not os.path.lexists(bundle):
        raise CommandError(f"{bundle}: does not exist")
    if not bundle.is_dir() and not (bundle.is_file() and ending(bundle.resolve().name)):
        fix = f"; give {bundle.parent}" if bundle.name == "job.toml" else ""
        raise CommandError(f"{bundle}: {NEITHER}{fix}")
    source, spool = bundle.resolve(), root.resolve()
    if spool.is_relative_to(source):
        raise CommandError(f"{bundle}: contains the spool itself; give the folder of one bundle")
    if source.is_relative_to(spool / "inbox"):
        raise CommandError(f"{bundle}: is already in the inbox; the daemon takes it from there")
    if source.is_relative_to(spool / "work"):
        raise CommandError(f"{bundle}: is already in work; see `fishd status`")
    return source


def _check_file(bundle: Path, source: Path, limits: Limits) -> None:
    """Refuse an incomplete archive or EPUB: the daemon would wait for the rest. Contents are not checked."""
    for fault in (lacking if is_archive(source.name) else lacking_script)(source, limits):
        raise CommandError(f"{bundle}: {printable(fault.what)}; pack it again, or copy it here again")


def _copy_single_file(source: Path, target: Path, *, is_shared: bool) -> tuple[int, int]:
    """Copy and sync a file; the number of files (one) and its size."""
    copy_file(source, target)
    if is_shared:
        target.chmod(stat.S_IMODE(target.stat().st_mode) | 0o060)
    return 1, target.stat().st_size


def _copy_folder(source: Path, target: Path, *, is_shared: bool) -> tuple[int, int]:
    """Copy and sync a tree; its numbers of files and bytes."""
    files, size_bytes = 0, 0
    for path, facts in _entries(source):
        copy = target / path.relative_to(source)
        if stat.S_ISDIR(facts.st_mode):
            copy.mkdir()
        elif stat.S_ISLNK(facts.st_mode):
            copy.symlink_to(path.readlink())
            continue
        elif stat.S_ISREG(facts.st_mode):
            copy_file(path, copy)
            files, size_bytes = files + 1, size_bytes + facts.st_size
        else:
            raise CommandError(f"{path}: is neither a file nor a folder; take it out of the bundle")
        if is_shared:
            copy.chmod(stat.S_IMODE(copy.stat().st_mode) | (0o2070 if copy.is_dir() else 0o060))
    (target / READY).touch()
    for folder, _, _ in os.walk(target):
        Disk().sync_folder(Path(folder))
    return files, size_bytes


def _entries(source: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything in a tree, a folder before its contents, without a `.ready` at the top."""
    waiting = [source]
    while waiting:
        folder = waiting.pop()
        yield folder, folder.stat(follow_symlinks=False)
        with os.scandir(folder) as entries:
            for entry in entries:
                if folder == source and entry.name == READY:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                else:
                    yield Path(entry.path), entry.stat(follow_symlinks=False)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file to a new one and force it to the disk. Raises OSError."""
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as read, target.open("xb") as written:
        shutil.copyfileobj(read, written, _BLOCK_BYTES)
        written.flush()
        os.fsync(written.fileno())


def _remove(part: Path) -> None:
    """Remove a copy that was not published."""
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        with suppress(OSError):
            part.unlink()


def _is_shared(inbox: Path) -> bool:
    """Is the inbox set-group-ID? Then the daemon, another user of that group, must be able to move it."""
    return bool(inbox.stat().st_mode & stat.S_ISGID)


def _describe(error: OSError, bundle: Path) -> str:
    where = error.filename or bundle
    is_in_bundle = isinstance(error, PermissionError) and Path(where).is_relative_to(bundle.resolve())
    fix = "give yourself permission to read it" if is_in_bundle else fix_for(error)
    fault = f"{os.fsdecode(where)}: cannot be copied into the inbox: {error.strerror}"
    return f"{fault}; {fix}" if fix else fault
