"""Remove from archive/ and .takes/ what is older than `archive_days`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fishd.spool.durable.disk import REMOVING, Disk, remove_tree
from fishd.spool.errors import SpoolError, disk_error

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Expired:
    """The names that were removed, and why others could not be."""

    removed: tuple[str, ...]
    faults: tuple[SpoolError, ...] = ()


def expire(folder: Path, days: float, now: float, disk: Disk | None = None) -> Expired:
    """Remove what was moved here over `days` ago, and what a cut removal left. `now` is time.time()."""
    removed: list[str] = []
    faults: list[SpoolError] = []
    try:
        expired = list(_expired(folder, now - days * DAY_S))
    except FileNotFoundError:
        return Expired(())
    except OSError as error:
        return Expired((), (_not_removed(folder, error),))
    for path in expired:
        try:
            _remove(disk or Disk(), path)
        except OSError as error:
            faults.append(_not_removed(path, error))
        else:
            removed += [] if path.name.startswith(REMOVING) else [path.name]
    return Expired(tuple(removed), tuple(faults))


def _expired(folder: Path, before: float) -> Iterator[Path]:
    """By the later of ctime and mtime: the rename into the folder sets ctime, and users cannot set it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if entry.name.startswith(REMOVING) or max(facts.st_ctime, facts.st_mtime) < before:
                    yield Path(entry.path)


def _remove(disk: Disk, path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(disk, path)
    else:
        disk.remove_file(path)


def _not_removed(path: Path, error: OSError) -> SpoolError:
    return disk_error(str(path), "cannot be removed", error)
