"""A finished job's way out: staged in work/NAME/out, synced, published by one rename, its bundle archived.

    work/NAME/bundle/        what the user dropped, renamed here from the inbox
    work/NAME/unpacked/      what was in it, if it is an archive
    work/NAME/ending         the ending of a dropped file, where its content suggests another one
    work/NAME/journal.jsonl  what is done
    work/NAME/out/           becomes outbox/NAME; workers write clips/<speaker>/<id>.wav into it

Every crash leaves one of four states, and `recover` (recovery.py) tells them apart:

    bundle  out/  publish line
    no      no    any     claimed by half, or archived already: remove the folder
    yes     any   no      in work: read the bundle again, go on after the journal
    any     yes   yes     complete: `finish` renames it out
    yes     no    yes     published: `finish` archives the bundle
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath

from fishd.spool.archive.unpack import ending_by_content
from fishd.spool.durable.disk import Disk, remove_tree, rename_to_free
from fishd.spool.errors import SpoolError
from fishd.spool.journal.journal import JOURNAL, PublishLine, append_to_all, read_journal
from fishd.spool.names import numbered
from fishd.spool.outbox.group_commit import Files, Lines, Names, Way, together
from fishd.spool.work_folder import BUNDLE, ENDING, OUT


class ClipsMissing(SpoolError):  # noqa: N818 - reads as what it is
    """Clips that are to be published, and that were on the disk, are not there; `clips` are their paths."""

    def __init__(self, clips: Collection[str]) -> None:
        first = min(clips)
        what = "was spoken, but is not there any more"
        super().__init__(first, f"{what} (and {len(clips) - 1} more)" if len(clips) > 1 else what)
        self.clips = frozenset(clips)


def make_clip_folders(folder: Path, clips: Collection[str]) -> None:
    """Make the folders in work/NAME/out that these clips will stand in. Raises OSError."""
    for parent in {(folder / OUT / clip).parent for clip in clips}:
        parent.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A job that is over: work/NAME, its result's files by name, and its clips as paths below out/.

    `again`: it may have been published by half already; its journal is asked.
    """

    folder: Path
    files: Mapping[str, bytes]
    clips: Collection[str]
    again: bool = True


def publish(parcel: PublishRequest, outbox: Path, archive: Path, *, disk: Disk | None = None) -> Path:
    """Publish one job; return its result's folder. Raises what publish_all returns."""
    (end,) = publish_all([parcel], outbox, archive, disk=disk)
    return _raised(end)


def publish_all(
    parcels: Sequence[PublishRequest], outbox: Path, archive: Path, *, disk: Disk | None = None
) -> list[Path | SpoolError]:
    """Publish jobs with as few syncs as one takes; for each its result's folder, or why it stays in work/.

    Clips must be synced already (workers do); whatever else is in out/ is removed. When this returns, all
    that is published is on the disk. What was refused goes on when it is published again, or by `finish`
    after the next start. ClipsGone comes before anything of that job is moved.
    """
    disk = disk or Disk()
    return together([(p.folder, _publishing(p, outbox, archive, disk)) for p in parcels], disk)


def archived_as(folder: Path, outbox: Path, archive: Path) -> str:
    """Where the bundle of an unpublished job will be, from the spool's root: `archive/NAME.zip`.

    Not if its name is taken in the outbox or the archive before the job is published.
    """
    name = _first_free(outbox, folder.name)
    ending = _dropped_ending(folder)
    if os.path.lexists(archive / f"{name}{ending}"):
        name = _first_free(archive, folder.name, ending)
    return f"{archive.name}/{name}{ending}"


def finish(folder: Path, outbox: Path, archive: Path, disk: Disk | None = None) -> Path:
    """Go on with a publish that was cut; the result's folder. Raises SpoolError."""
    disk = disk or Disk()
    (end,) = together([(folder, _leaving(folder, _published_name(folder), outbox, archive, disk))], disk)
    return _raised(end)


def _publishing(parcel: PublishRequest, outbox: Path, archive: Path, disk: Disk) -> Way:
    folder = parcel.folder
    name = _published_name(folder) if parcel.again else ""
    if not name:
        name = folder.name
        yield _staging(parcel, disk)
        yield Lines({folder: [PublishLine(name)]})
    return (yield from _leaving(folder, name, outbox, archive, disk))


def _leaving(folder: Path, name: str, outbox: Path, archive: Path, disk: Disk) -> Way:
    """Everything is on the disk: move it out. Each part is left out if it was done before."""
    with _unless_gone(folder / OUT):
        free = rename_to_free(disk, folder / OUT, outbox, folder.name).name
        if free != name:  # so that after a crash the bundle still finds its result's name
            append_to_all({folder: [PublishLine(free)]}, disk, sync=False)
            name = free
    with _unless_gone(folder / BUNDLE):
        _archive(folder / BUNDLE, archive, name or folder.name, disk)
    yield Names((outbox, archive, folder))  # whichever rename a power cut takes back, `finish` repeats
    _remove(folder, disk)
    return outbox / name


def _staging(parcel: PublishRequest, disk: Disk) -> Files:
    """Make out/ hold exactly these files and clips, each file and folder synced once."""
    out = parcel.folder / OUT
    kept = {f"{out}/{clip}" for clip in parcel.clips}
    try:
        present = _tidy(str(out), kept, disk)
    except FileNotFoundError:
        parcel.folder.mkdir(exist_ok=True)  # somebody may have removed it under the running job
        out.mkdir(exist_ok=True)
        present = set[str]()
    if missing := kept - present:
        raise ClipsMissing([path.removeprefix(f"{out}/") for path in missing])
    below = {parent for clip in parcel.clips for parent in PurePath(clip).parents} | {PurePath()}
    files = {out / name: content for name, content in parcel.files.items()}
    return Files(files, (*(out / path for path in sorted(below, reverse=True)), parcel.folder))


def _tidy(folder: str, kept: set[str], disk: Disk) -> set[str]:
    """Remove every file that is not kept and every folder then empty; return the kept ones that are there."""
    present: set[str] = set()
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            below = _tidy(entry.path, kept, disk)
            present |= below
            if not below:
                disk.remove_folder(Path(entry.path))
        elif entry.path in kept and entry.is_file(follow_symlinks=False):
            present.add(entry.path)
        else:
            disk.remove_file(Path(entry.path))
    return present


@contextmanager
def _unless_gone(path: Path) -> Generator[None]:
    """A step with what stands there, left out if nothing does: it was done before."""
    try:
        yield
    except FileNotFoundError:
        if os.path.lexists(path):
            raise


def _archive(bundle: Path, archive: Path, name: str, disk: Disk) -> None:
    """Under the result's name if that is free, so that a user finds the one from the other.

    A file gets its ending again, so that it opens with a click.
    """
    ending = _dropped_ending(bundle.parent)
    try:
        disk.rename(bundle, archive / f"{name}{ending}")
    except FileExistsError:
        rename_to_free(disk, bundle, archive, bundle.parent.name, ending)


def _dropped_ending(folder: Path) -> str:
    """The ending of what was dropped; "" for a folder."""
    try:
        return (folder / ENDING).read_text("ascii")
    except FileNotFoundError:
        return ending_by_content(folder / BUNDLE)


def _remove(folder: Path, disk: Disk) -> None:
    """The job is out: what cannot be removed now, `recover` clears away at the next start."""
    with suppress(OSError):
        try:
            with suppress(FileNotFoundError):
                disk.remove_file(folder / JOURNAL)
            disk.remove_folder(folder)
        except OSError:  # an archive's bundle, or something that somebody put there
            remove_tree(disk, folder)


def _first_free(folder: Path, name: str, ending: str = "") -> str:
    """NAME, or the first of NAME-2, NAME-3, … that is free in a folder with this ending."""
    names = (numbered(name, number) for number in count(1))
    return next(free for free in names if not os.path.lexists(folder / f"{free}{ending}"))


def _published_name(folder: Path) -> str:
    """The name in the journal's last publish line; "" if it has none, and out/ may still be changed."""
    names = [line.name for line in read_journal(folder)[0] if isinstance(line, PublishLine)]
    return names[-1] if names else ""


def _raised(end: Path | SpoolError) -> Path:
    if isinstance(end, SpoolError):
        raise end
    return end
