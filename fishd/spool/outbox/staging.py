"""Prepare a job's result for publishing: its files and clips, and nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from fishd.spool.durable.disk import Disk, remove_tree
from fishd.spool.errors import SpoolError
from fishd.spool.work_folder import OUT


class ClipsMissing(SpoolError):  # noqa: N818 - reads as what it is
    """Clips that were on the disk and are to be published are not there; `clips` are their paths."""

    def __init__(self, clips: Collection[str]) -> None:
        first = min(clips)
        what = "was spoken, but is not there any more"
        super().__init__(first, f"{what} (and {len(clips) - 1} more)" if len(clips) > 1 else what)
        self.clips = frozenset(clips)


@dataclass(frozen=True, slots=True)
class Staged:
    """Files that are still to be written, and every folder whose names must be on the disk."""

    files: Mapping[Path, bytes]
    folders: Collection[Path]


def make_clip_folders(folder: Path, clips: Collection[str]) -> None:
    """Make the folders in work/NAME/out that these clips will be in. Raises OSError."""
    for parent in {(folder / OUT / clip).parent for clip in clips}:
        parent.mkdir(parents=True, exist_ok=True)


def link_clips(folder: Path, tree: str, links: Mapping[str, str], disk: Disk) -> None:
    """Make the tree anew, of links to files below out/, which stays as it is until the job is published.

    Raises ClipsMissing, OSError.
    """
    target, out = folder / tree, folder / OUT
    if os.path.lexists(target):
        remove_tree(disk, target)
    for parent in {(target / clip).parent for clip in links}:
        parent.mkdir(parents=True, exist_ok=True)
    missing: list[str] = []
    for clip, source in links.items():
        if _is_file(out / source):
            disk.link(out / source, target / clip)
        else:
            missing.append(source)
    if missing:
        raise ClipsMissing(missing)


def stage(folder: Path, tree: str, files: Mapping[str, bytes], clips: Collection[str], disk: Disk) -> Staged:
    """Remove all but these clips from the tree; what `write` is to add. Raises ClipsMissing, OSError."""
    out = folder / tree
    wanted = {f"{out}/{clip}" for clip in clips}
    try:
        present = _remove_all_but(wanted, str(out), disk)
    except FileNotFoundError:  # a user may have removed work/NAME under the running job
        folder.mkdir(exist_ok=True)
        out.mkdir(exist_ok=True)
        present = set[str]()
    if missing := wanted - present:
        raise ClipsMissing([path.removeprefix(f"{out}/") for path in missing])
    below = sorted(_folders_of(clips), reverse=True)
    folders = (*(out / path for path in below), out, folder)
    return Staged({out / name: content for name, content in files.items()}, folders)


def link_references(tree: Path, references: Mapping[str, str], staged: Staged, disk: Disk) -> Staged:
    """Links to these files, by their paths below the tree; one that is gone is left out. Raises OSError."""
    folders = sorted({(tree / path).parent for path in references})
    for folder in folders:
        folder.mkdir(exist_ok=True)
    for path, file in references.items():
        with suppress(FileNotFoundError):
            disk.link(Path(file), tree / path)
    return replace(staged, folders=(*folders, *staged.folders))


def write(staged: Iterable[Staged], disk: Disk) -> None:
    """Write the files of several jobs and force them to the disk together. Raises OSError."""
    files: dict[Path, bytes] = {}
    folders: dict[Path, None] = {}
    for one in staged:
        files |= one.files
        folders |= dict.fromkeys(one.folders)
    disk.stage(files, list(folders))


def _folders_of(paths: Collection[str]) -> set[str]:
    """`a` and `a/b` for `a/b/c`."""
    found = {path.rpartition("/")[0] for path in paths} - {""}
    return found | _folders_of(found) if found else found


def _is_file(path: Path) -> bool:
    """Not through a link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _remove_all_but(wanted: set[str], folder: str, disk: Disk) -> set[str]:
    """Remove every other file, and every folder then empty; return the wanted files that are there."""
    present: set[str] = set()
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            below = _remove_all_but(wanted, entry.path, disk)
            present |= below
            if not below:
                disk.remove_folder(Path(entry.path))
        elif entry.path in wanted and entry.is_file(follow_symlinks=False):
            present.add(entry.path)
        else:
            disk.remove_file(Path(entry.path))
    return present
