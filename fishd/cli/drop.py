"""Putting a bundle into the inbox so that the daemon sees it whole or not at all.

It is copied under a hidden name in the inbox itself, forced to the disk, marked `.ready` if it is a folder,
and then renamed, never over anything. A link that is given is followed; those in a bundle stay links and are
for the daemon to refuse.
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
from fishd.spool.archive.endings import ENDINGS, NEITHER, ending, is_archive, names_of
from fishd.spool.archive.unpack import lacking
from fishd.spool.bundle.convention import IGNORED_ENDS
from fishd.spool.durable.disk import Disk
from fishd.spool.durable.syscalls import rename_noreplace
from fishd.spool.errors import fix_for
from fishd.spool.inbox.scan import READY
from fishd.spool.names import job_name, numbered, printable
from fishd.spool.root import FOLDERS

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Dropped:
    """A bundle in the inbox. Its job, its result and its archived bundle will bear the same name."""

    name: str
    files: int
    size_bytes: int


def drop(bundle: Path, root: Path, name: str | None = None, limits: Limits | None = None) -> Dropped:
    """Copy a bundle, a folder or an archive, into the spool's inbox. Raises CommandError."""
    source = _checked(bundle, root)
    its_ending = "" if source.is_dir() else ending(source.name)
    if its_ending:
        _check_archive(bundle, source, limits or Limits())
    inbox = root / "inbox"
    hidden = inbox / f".{secrets.token_hex(6)}.part"
    try:
        copy = _copy_archive if its_ending else _copy
        files, size_bytes = copy(source, hidden, shared=_is_shared(inbox))
        placed = _place(hidden, root, _free_to_use(name or source.name), its_ending)
        return Dropped(placed, files, size_bytes)
    except OSError as error:
        raise CommandError(_words(error, bundle)) from error
    finally:
        _take_back(hidden)


def _checked(bundle: Path, root: Path) -> Path:
    """The bundle's folder or archive with its full name, if it can be one."""
    if not os.path.lexists(bundle):
        raise CommandError(f"{bundle}: is not there")
    if not bundle.is_dir() and not (bundle.is_file() and is_archive(bundle.resolve().name)):
        give = bundle.parent if bundle.name == "job.toml" else "a bundle's folder, or an archive of one"
        raise CommandError(f"{bundle}: {NEITHER}; give {give}")
    source, spool = bundle.resolve(), root.resolve()
    if spool.is_relative_to(source):
        raise CommandError(f"{bundle}: holds the spool itself; give the folder of one bundle")
    if source.is_relative_to(spool / "inbox"):
        raise CommandError(f"{bundle}: is in the inbox already; the daemon takes it by itself")
    if source.is_relative_to(spool / "work"):
        raise CommandError(f"{bundle}: is in work already; see `fishd status`")
    return source


def _check_archive(bundle: Path, source: Path, limits: Limits) -> None:
    """Whether it is all there: the daemon would wait for its end. All else is for the daemon to say."""
    for fault in lacking(source, limits):
        raise CommandError(f"{bundle}: {printable(fault.what)}; pack it anew, or copy it here again")


def _free_to_use(name: str) -> str:
    """A name that stays what it is on its way: not hidden, no unfinished transfer's, without an ending."""
    name = job_name(name)
    while name.lower().endswith((*IGNORED_ENDS, *ENDINGS)):
        name = job_name(name[: name.rindex(".")])
    return name


def _place(hidden: Path, root: Path, name: str, its_ending: str) -> str:
    """Rename to the first of NAME, NAME-2, … that is free on the whole way from inbox to archive."""
    number = 1
    while True:
        chosen = numbered(name, number)
        number += 1
        if any(os.path.lexists(root / folder / one) for folder in FOLDERS for one in names_of(chosen)):
            continue
        with suppress(FileExistsError):
            rename_noreplace(hidden, root / "inbox" / f"{chosen}{its_ending}")
            Disk().sync_folder(root / "inbox")
            return chosen


def _copy_archive(source: Path, target: Path, *, shared: bool) -> tuple[int, int]:
    """As _copy, a file."""
    _copy_file(source, target)
    if shared:
        target.chmod(stat.S_IMODE(target.stat().st_mode) | 0o060)
    return 1, target.stat().st_size


def _copy(source: Path, target: Path, *, shared: bool) -> tuple[int, int]:
    """Copy a tree and force it to the disk; how many files and bytes it holds."""
    files, size_bytes = 0, 0
    for path, facts in _walk(source):
        copy = target / path.relative_to(source)
        if stat.S_ISDIR(facts.st_mode):
            copy.mkdir()
        elif stat.S_ISLNK(facts.st_mode):
            copy.symlink_to(path.readlink())
            continue
        elif stat.S_ISREG(facts.st_mode):
            _copy_file(path, copy)
            files, size_bytes = files + 1, size_bytes + facts.st_size
        else:
            raise CommandError(f"{path}: is neither a file nor a folder; take it out of the bundle")
        if shared:
            copy.chmod(stat.S_IMODE(copy.stat().st_mode) | (0o2070 if copy.is_dir() else 0o060))
    (target / READY).touch()
    for folder, _, _ in os.walk(target):
        Disk().sync_folder(Path(folder))
    return files, size_bytes


def _walk(source: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything in a tree, a folder before what it holds; a `.ready` at its top is left to us."""
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


def _copy_file(source: Path, target: Path) -> None:
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as read, target.open("xb") as written:
        shutil.copyfileobj(read, written, _BLOCK_BYTES)
        written.flush()
        os.fsync(written.fileno())


def _take_back(hidden: Path) -> None:
    """What was not placed."""
    if hidden.is_dir():
        shutil.rmtree(hidden, ignore_errors=True)
    else:
        with suppress(OSError):
            hidden.unlink()


def _is_shared(inbox: Path) -> bool:
    """A set-group-ID inbox is for a group: the daemon, another user, must be able to move what we drop."""
    return bool(inbox.stat().st_mode & stat.S_ISGID)


def _words(error: OSError, bundle: Path) -> str:
    where = error.filename or bundle
    is_ours = isinstance(error, PermissionError) and Path(where).is_relative_to(bundle.resolve())
    mend = "give yourself the right to read it" if is_ours else fix_for(error)
    return f"{os.fsdecode(where)}: cannot be copied into the inbox: {error.strerror}" + (
        f"; {mend}" if mend else ""
    )
