"""What a crash left in work/: outbox/publish.py lists the states."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from fishd.core.model.job import Fault
from fishd.spool.durable.disk import Disk, remove_tree
from fishd.spool.journal.journal import (
    AnyLine,
    CancelledLine,
    ClaimedLine,
    FailedLine,
    HeardLine,
    PublishLine,
    SpokenLine,
    read_journal,
)
from fishd.spool.work_folder import BUNDLE, OUT, request_in


@dataclass(frozen=True, slots=True)
class RecoveredJob:
    """A job that a crash left in work/.

    If `complete`, only `finish` is left to do. Otherwise the bundle is read again; by speaker's position and
    segment's id, `spoken` holds the lines of a segment's takes that are there, `failed` its last failure.
    """

    name: str
    folder: Path
    bundle: Path
    complete: bool
    started: str = ""
    cancelled: bool = False
    spoken: Mapping[tuple[int, str], tuple[SpokenLine, ...]] = field(
        default_factory=dict[tuple[int, str], tuple[SpokenLine, ...]]
    )
    failed: Mapping[tuple[int, str], FailedLine] = field(default_factory=dict[tuple[int, str], FailedLine])
    faults: tuple[Fault, ...] = ()


def recover(work: Path, disk: Disk | None = None) -> list[RecoveredJob]:
    """Every job in work/, by name; what a crash left half-claimed or half-removed is cleared away."""
    return [left for folder in folders_in(work) if (left := recover_one(folder, disk or Disk()))]


def folders_in(work: Path) -> list[Path]:
    """The job folders in work/, by name. Raises OSError."""
    return sorted(path for path in work.iterdir() if path.is_dir() and not path.is_symlink())


def recover_one(folder: Path, disk: Disk) -> RecoveredJob | None:
    """The job in this folder; None after removing a folder of which nothing is left to do.

    Raises OSError.
    """
    recovered = None if folder.name.startswith(".") else _recovered(folder)
    if recovered is None:
        remove_tree(disk, folder)
    return recovered


def _recovered(folder: Path) -> RecoveredJob | None:
    lines, faults = read_journal(folder)
    has_bundle, has_out = os.path.lexists(folder / BUNDLE), (folder / OUT).is_dir()
    complete = any(isinstance(line, PublishLine) for line in lines)
    if not (complete or has_bundle or has_out or request_in(folder)):
        return None
    failed = {(line.speaker, line.segment): line for line in lines if isinstance(line, FailedLine)}
    return RecoveredJob(
        name=folder.name,
        folder=folder,
        bundle=folder / BUNDLE,
        complete=complete,
        started=next((line.at for line in lines if isinstance(line, ClaimedLine)), ""),
        cancelled=any(isinstance(line, CancelledLine) for line in lines),
        spoken=_spoken(folder, lines),
        failed=failed,
        faults=tuple(faults),
    )


def _spoken(folder: Path, lines: Iterable[AnyLine]) -> dict[tuple[int, str], tuple[SpokenLine, ...]]:
    """By segment, its takes in their order; of several lines of one clip the last one counts."""
    takes: dict[tuple[int, str], dict[str, SpokenLine]] = {}
    for line in lines:
        if isinstance(line, SpokenLine) and _is_there(folder, line):
            takes.setdefault((line.speaker, line.segment), {})[line.clip.path] = line
        elif isinstance(line, HeardLine):
            its = takes.get((line.speaker, line.segment), {})
            if line.path in its:
                spoken = its[line.path]
                clip = replace(spoken.clip, quality=line.quality)
                its[line.path] = msgspec.structs.replace(spoken, clip=clip)
    return {segment: tuple(by_path.values()) for segment, by_path in takes.items()}


def _is_there(folder: Path, line: SpokenLine) -> bool:
    """Whether the clip has its journalled size."""
    try:
        facts = (folder / OUT / line.clip.path).lstat()
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size == line.size_bytes
