"""One walk over a bundle's tree: how much there is, whether it changed, whether it is too much.

Symlinks are not followed, folders are opened beneath one another, and the walk ends at the limits.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.spool.durable.confined_fs import size_in_words

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class TreeScan:
    """`print` is equal for two surveys of one process if names, kinds, sizes and mtimes are."""

    fingerprint: int
    faults: tuple[Fault, ...]


@dataclass(slots=True)
class _Walk:
    """What has been seen so far; owned by one call of `survey`."""

    limits: Limits
    seen: list[tuple[str, int, int, int]] = field(default_factory=list[tuple[str, int, int, int]])
    size_bytes: int = 0
    faults: list[Fault] = field(default_factory=list[Fault])


def scan_tree(folder: Path, limits: Limits) -> TreeScan:
    """Look at everything in a folder, up to the limits. Raises OSError only if the folder is gone or none."""
    fd = os.open(folder, FOLDER_FLAGS)
    try:
        return scan_open_tree(fd, limits)
    finally:
        os.close(fd)


def scan_open_tree(fd: int, limits: Limits) -> TreeScan:
    """The same for a folder that is open."""
    walk = _Walk(limits)
    _look(walk, fd, "", 0)
    if walk.size_bytes > limits.max_bytes:
        have, most = size_in_words(walk.size_bytes), size_in_words(limits.max_bytes)
        walk.faults.append(Fault("bundle", f"holds {have}; at most {most} are taken"))
    return TreeScan(hash(frozenset(walk.seen)), tuple(walk.faults))


def _look(walk: _Walk, fd: int, path: str, depth: int) -> None:
    with os.scandir(fd) as entries:
        for entry in entries:
            if len(walk.seen) >= walk.limits.max_files:
                walk.faults.append(Fault("bundle", f"holds more than {walk.limits.max_files:,} files"))
                return
            below = f"{path}{entry.name}"
            try:
                is_folder = _note(walk, entry, below)
            except FileNotFoundError:  # removed since the folder was read: the next survey will differ anyway
                continue
            if is_folder:
                _enter(walk, fd, entry.name, below, depth + 1)
            if walk.faults:
                return


def _note(walk: _Walk, entry: os.DirEntry[str], path: str) -> bool:
    facts = entry.stat(follow_symlinks=False)
    walk.seen.append((path, facts.st_mode, facts.st_size, facts.st_mtime_ns))
    is_folder = entry.is_dir(follow_symlinks=False)
    walk.size_bytes += 0 if is_folder else facts.st_size
    return is_folder


def _enter(walk: _Walk, fd: int, name: str, path: str, depth: int) -> None:
    if depth > walk.limits.max_depth:
        walk.faults.append(Fault("bundle", f"holds folders more than {walk.limits.max_depth} deep"))
        return
    try:
        below = os.open(name, FOLDER_FLAGS, dir_fd=fd)
    except (FileNotFoundError, NotADirectoryError):  # removed or swapped meanwhile
        return
    except OSError as error:
        walk.faults.append(Fault(_shown(path), f"cannot be read: {os.strerror(error.errno or 0)}"))
        return
    try:
        _look(walk, below, path + "/", depth)
    finally:
        os.close(below)


def _shown(path: str) -> str:
    return path.encode("utf-8", "replace").decode()
