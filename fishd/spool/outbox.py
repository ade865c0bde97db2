"""A finished job's way out: staged in work/NAME/out, synced, published by one rename, its bundle archived.

    work/NAME/bundle/        what the user dropped, renamed here from the inbox
    work/NAME/unpacked/      what was in it, if it is an archive
    work/NAME/voices/        copies of its reference clips, for workers
    work/NAME/journal.jsonl  what is done
    work/NAME/out/           becomes outbox/NAME; workers write clips/<speaker>/<id>.wav into it

Every crash leaves one of four states, and `recover` tells them apart:

    bundle  out/  publish line
    no      no    any     claimed by half, or archived already: remove the folder
    yes     any   no      in work: read the bundle again, go on after the journal
    any     yes   yes     complete: `finish` renames it out
    yes     no    yes     published: `finish` archives the bundle
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fishd.core.job import Fault
from fishd.spool.disk import Disk, remove_tree, rename_to_free
from fishd.spool.errors import SpoolError, mend_for
from fishd.spool.journal import (
    JOURNAL,
    CancelledLine,
    ClaimedLine,
    FailedLine,
    Journal,
    PublishLine,
    SpokenLine,
    read_journal,
)

BUNDLE = "bundle"
OUT = "out"
VOICES = "voices"
UNPACKED = "unpacked"


@dataclass(frozen=True, slots=True)
class Recovered:
    """A job that a crash left in work/.

    If `complete`, call `finish` and no more. Otherwise read the bundle again; `spoken` and `failed` say,
    by speaker's position and segment's id, what need not be done again if text_hash and voice_key agree.
    """

    name: str
    folder: Path
    bundle: Path
    complete: bool
    started: str = ""
    cancelled: bool = False
    spoken: Mapping[tuple[int, str], SpokenLine] = field(default_factory=dict[tuple[int, str], SpokenLine])
    failed: Mapping[tuple[int, str], FailedLine] = field(default_factory=dict[tuple[int, str], FailedLine])
    faults: tuple[Fault, ...] = ()


class ClipsGone(SpoolError):  # noqa: N818 - reads as what it is
    """Clips that are to be published, and that were on the disk, are not there; `clips` are their paths."""

    def __init__(self, clips: Collection[str]) -> None:
        first = min(clips)
        what = "was spoken, but is not there any more"
        super().__init__(first, f"{what} (and {len(clips) - 1} more)" if len(clips) > 1 else what)
        self.clips = frozenset(clips)


def make_room(folder: Path, clips: Collection[str]) -> None:
    """Make the folders in work/NAME/out that these clips will stand in. Raises OSError."""
    for parent in {(folder / OUT / clip).parent for clip in clips}:
        parent.mkdir(parents=True, exist_ok=True)


def publish(
    folder: Path,
    files: Mapping[str, bytes],
    clips: Collection[str],
    outbox: Path,
    archive: Path,
    *,
    disk: Disk | None = None,
) -> Path:
    """Publish work/NAME with these files (by name) and clips (paths below out/); return the result's folder.

    Clips must be synced already (workers do); whatever else is in out/ is removed. When this returns, all
    is on the disk. Raises SpoolError; calling it again, or `finish` after the next start, goes on. Raises
    ClipsGone before anything is moved.
    """
    disk = disk or Disk()
    try:
        if not _published_name(folder):
            with Journal(folder, disk) as journal:
                _stage(folder, files, clips, disk)
                journal.append(PublishLine(folder.name))
        return _leave(folder, outbox, archive, disk)
    except OSError as error:
        raise _publish_error(folder, error) from error


def finish(folder: Path, outbox: Path, archive: Path, disk: Disk | None = None) -> Path | None:
    """Go on with a publish that was cut; the result's folder, or None if it stood in the outbox already."""
    was_out = not (folder / OUT).exists()
    try:
        result = _leave(folder, outbox, archive, disk or Disk())
    except OSError as error:
        raise _publish_error(folder, error) from error
    return None if was_out else result


def recover(work: Path, disk: Disk | None = None) -> list[Recovered]:
    """Every job in work/, by name; what a crash left half-claimed or half-removed is cleared away."""
    return [left for folder in folders_in(work) if (left := recover_one(folder, disk or Disk()))]


def folders_in(work: Path) -> list[Path]:
    """What stands in work/, by name. Raises OSError."""
    return sorted(path for path in work.iterdir() if path.is_dir() and not path.is_symlink())


def recover_one(folder: Path, disk: Disk) -> Recovered | None:
    """What a crash left of a job; None after it was cleared away, because nothing of it is left to do.

    Raises OSError.
    """
    recovered = None if folder.name.startswith(".") else _recovered(folder)
    if recovered is None:
        remove_tree(disk, folder)
    return recovered


def _stage(folder: Path, files: Mapping[str, bytes], clips: Collection[str], disk: Disk) -> None:
    """Make out/ hold exactly these files and clips, each file and folder synced once."""
    out = folder / OUT
    if not out.exists():
        disk.make_folder(out)
    kept = {out / clip for clip in clips}
    if missing := kept - _tidy(out, kept, disk):
        raise ClipsGone([str(path.relative_to(out)) for path in missing])
    below = {parent for clip in kept for parent in clip.parents if parent.is_relative_to(out)} | {out}
    disk.stage(
        {out / name: content for name, content in files.items()}, [*sorted(below, reverse=True), folder]
    )


def _tidy(folder: Path, kept: set[Path], disk: Disk) -> set[Path]:
    """Remove every file that is not kept and every folder then empty; return the kept ones that are there."""
    present: set[Path] = set()
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            below = _tidy(path, kept, disk)
            present |= below
            if not below:
                disk.remove_folder(path)
        elif path in kept and entry.is_file(follow_symlinks=False):
            present.add(path)
        else:
            disk.remove_file(path)
    return present


def _leave(folder: Path, outbox: Path, archive: Path, disk: Disk) -> Path:
    """Everything is on the disk: move it out. Each part is left out if it was done before."""
    name = _published_name(folder)
    if (folder / OUT).exists():
        name = rename_to_free(disk, folder / OUT, outbox, numbered(folder.name)).name
        if name != folder.name:  # so that after a crash the bundle still finds its result's name
            with Journal(folder, disk) as journal:
                journal.append(PublishLine(name), sync=False)
    if os.path.lexists(folder / BUNDLE):
        _archive(folder / BUNDLE, archive, name or folder.name, disk)
    disk.sync_folders([outbox, archive, folder])  # whichever rename a power cut takes back, `finish` repeats
    _remove(folder, disk)
    return outbox / name


def _archive(bundle: Path, archive: Path, name: str, disk: Disk) -> None:
    """Under the result's name if that is free, so that a user finds the one from the other."""
    try:
        disk.rename(bundle, archive / name)
    except FileExistsError:
        rename_to_free(disk, bundle, archive, numbered(bundle.parent.name))


def _remove(folder: Path, disk: Disk) -> None:
    """The job is out: what cannot be removed now, `recover` clears away at the next start."""
    with suppress(OSError):
        for name in (VOICES, UNPACKED):
            if os.path.lexists(folder / name):
                remove_tree(disk, folder / name)
        if os.path.lexists(folder / JOURNAL):
            disk.remove_file(folder / JOURNAL)
        try:
            disk.remove_folder(folder)
        except OSError:  # somebody put something there
            remove_tree(disk, folder)


def numbered(name: str) -> Callable[[int], str]:
    """NAME, NAME-2, NAME-3, …"""
    return lambda number: name if number == 1 else f"{name}-{number}"


def _published_name(folder: Path) -> str:
    """The name in the journal's last publish line; "" if it has none, and out/ may still be changed."""
    names = [line.name for line in read_journal(folder)[0] if isinstance(line, PublishLine)]
    return names[-1] if names else ""


def _recovered(folder: Path) -> Recovered | None:
    lines, faults = read_journal(folder)
    has_bundle, has_out = os.path.lexists(folder / BUNDLE), (folder / OUT).is_dir()
    complete = any(isinstance(line, PublishLine) for line in lines)
    if not has_bundle and not has_out:
        return None
    failed = {(line.speaker, line.segment): line for line in lines if isinstance(line, FailedLine)}
    return Recovered(
        name=folder.name,
        folder=folder,
        bundle=folder / BUNDLE,
        complete=complete,
        started=next((line.at for line in lines if isinstance(line, ClaimedLine)), ""),
        cancelled=any(isinstance(line, CancelledLine) for line in lines),
        spoken={
            (line.speaker, line.segment): line
            for line in lines
            if isinstance(line, SpokenLine) and _is_there(folder, line)
        },
        failed=failed,
        faults=tuple(faults),
    )


def _is_there(folder: Path, line: SpokenLine) -> bool:
    """Whether the clip has the size that the journal says."""
    try:
        facts = (folder / OUT / line.clip.path).lstat()
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size == line.size_bytes


def _publish_error(folder: Path, error: OSError) -> SpoolError:
    what = f"cannot be published: {error.strerror}" + (f" ({error.filename})" if error.filename else "")
    return SpoolError(f"job {folder.name}", what, mend_for(error))
