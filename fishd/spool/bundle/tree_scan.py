"""Scan a bundle's tree once: its fingerprint, and whether it is over the limits.

Symlinks are not followed, each folder is opened beneath its parent, and the scan stops at the limits.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.core.text.humanize import human_size
from fishd.spool.durable.syscalls import FOLDER_FLAGS
from fishd.spool.names import valid_utf8


@dataclass(frozen=True, slots=True)
class TreeScan:
    """`fingerprint` is equal for two scans in one process if names, kinds, sizes and mtimes are equal."""

    fingerprint: int
    faults: tuple[Fault, ...]


@dataclass(slots=True)
class _Scan:
    """What was found so far."""

    limits: Limits
    entries: list[tuple[str, int, int, int]] = field(default_factory=list[tuple[str, int, int, int]])
    size_bytes: int = 0
    faults: list[Fault] = field(default_factory=list[Fault])


def scan_tree(folder: Path, limits: Limits) -> TreeScan:
    """Scan a folder. Raises OSError only if it is gone or not a folder."""
    fd = os.open(folder, FOLDER_FLAGS)
    try:
        return scan_open_tree(fd, limits)
    finally:
        os.close(fd)


def scan_open_tree(fd: int, limits: Limits) -> TreeScan:
    """Scan an open folder."""
    scan = _Scan(limits)
    _scan_folder(scan, fd, "", 0)
    if scan.size_bytes > limits.max_bytes:
        size, limit = human_size(scan.size_bytes), human_size(limits.max_bytes)
        scan.faults.append(Fault("bundle", f"holds {size}; at most {limit} are allowed"))
    return TreeScan(hash(frozenset(scan.entries)), tuple(scan.faults))


def _scan_folder(scan: _Scan, fd: int, path: str, depth: int) -> None:
    with os.scandir(fd) as entries:
        for entry in entries:
            if len(scan.entries) >= scan.limits.max_files:
                scan.faults.append(Fault("bundle", f"holds more than {scan.limits.max_files:,} files"))
                return
            entry_path = f"{path}{entry.name}"
            try:
                is_folder = _add_entry(scan, entry, entry_path)
            except FileNotFoundError:  # removed since the folder was read: the next scan differs anyway
                continue
            if is_folder:
                _scan_sub_folder(scan, fd, entry.name, entry_path, depth + 1)
            if scan.faults:
                return


def _add_entry(scan: _Scan, entry: os.DirEntry[str], path: str) -> bool:
    facts = entry.stat(follow_symlinks=False)
    scan.entries.append((path, facts.st_mode, facts.st_size, facts.st_mtime_ns))
    is_folder = entry.is_dir(follow_symlinks=False)
    scan.size_bytes += 0 if is_folder else facts.st_size
    return is_folder


def _scan_sub_folder(scan: _Scan, parent_fd: int, name: str, path: str, depth: int) -> None:
    if depth > scan.limits.max_depth:
        scan.faults.append(Fault("bundle", f"holds folders more than {scan.limits.max_depth} deep"))
        return
    try:
        fd = os.open(name, FOLDER_FLAGS, dir_fd=parent_fd)
    except (FileNotFoundError, NotADirectoryError):  # removed or swapped meanwhile
        return
    except OSError as error:
        scan.faults.append(Fault(valid_utf8(path), f"cannot be read: {os.strerror(error.errno or 0)}"))
        return
    try:
        _scan_folder(scan, fd, path + "/", depth)
    finally:
        os.close(fd)
