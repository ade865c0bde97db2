"""Publish finished jobs: stage the result, sync it, rename it into the outbox, archive the bundle.

    work/NAME/bundle/        what the user dropped, renamed here from the inbox
    work/NAME/unpacked/      what was in it, if it is an archive
    work/NAME/ending         the ending of a dropped file, where its content suggests another one
    work/NAME/journal.jsonl  what is done
    work/NAME/out/           becomes outbox/NAME; workers write clips/<speaker>/<id>.wav into it
    work/NAME/final/         becomes outbox/NAME in its place, if the job is assembled from these clips, or
                             if a clip is not a segment's first take: then its clips are links to out/

Every crash leaves one of four states, and journal/recovery.py distinguishes them. The result's tree is out/
or final/, as the publish line says:

    bundle  tree  publish line
    no      no    any     half claimed, or archived already: remove the folder
    yes     any   no      in work: read the bundle again, go on after the journal
    any     yes   yes     complete: `finish` renames it out
    yes     no    yes     published: `finish` archives the bundle
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from fishd.spool.durable.disk import Disk, remove_tree, rename_to_free
from fishd.spool.errors import SpoolError
from fishd.spool.journal.journal import JOURNAL, PublishLine, append_to_all, read_journal
from fishd.spool.names import numbered
from fishd.spool.outbox import staging
from fishd.spool.outbox.group_commit import GroupCommit
from fishd.spool.outbox.staging import Staged
from fishd.spool.work_folder import BUNDLE, OUT, dropped_ending


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A finished job: work/NAME, its result's files by name, and its clips as paths below work/NAME/TREE.

    `links`: TREE is made anew, of links to these files below work/NAME/out, by the clips' paths. `again`: an
    earlier attempt may have published half of it; its journal says how far that came.
    """

    folder: Path
    files: Mapping[str, bytes]
    clips: Collection[str]
    again: bool = True
    tree: str = OUT
    links: Mapping[str, str] = field(default_factory=dict[str, str])


def publish_all(
    requests: Sequence[PublishRequest],
    outbox: Path,
    archive: Path,
    *,
    disk: Disk | None = None,
    hooks: Path | None = None,
) -> list[Path | SpoolError]:
    """Publish jobs with as few syncs as one needs; for each its result's folder, or why it stays in work/.

    Clips must be synced already (workers do); whatever else is in out/ is removed. When this returns, all
    that is published is on the disk. A job that failed goes on when it is published again, or by `finish`
    after the next start. ClipsMissing comes before anything of that job is moved. `hooks` is a folder that
    gets an empty file of each result's name, which says that its hook has yet to run.
    """
    disk = disk or Disk()
    jobs = {request.folder: _Publication(request, outbox, archive, disk) for request in requests}
    group = GroupCommit(jobs)
    group.run(_Publication.stage, lambda staged: staging.write(staged, disk))
    group.run(_Publication.publish_line, lambda lines: append_to_all(dict(lines), disk))
    _move(group, outbox, archive, disk, hooks)
    return [group.errors.get(folder) or outbox / job.name for folder, job in jobs.items()]


def finish(
    folder: Path, outbox: Path, archive: Path, disk: Disk | None = None, hooks: Path | None = None
) -> Path:
    """Go on with a publish that a crash cut; the result's folder. Raises SpoolError."""
    disk = disk or Disk()
    line = _last_publish_line(folder) or PublishLine(folder.name)
    request = PublishRequest(folder, {}, (), tree=line.tree)
    group = GroupCommit({folder: (job := _Publication(request, outbox, archive, disk, line.name))})
    _move(group, outbox, archive, disk, hooks)
    for error in group.errors.values():
        raise error
    return outbox / job.name


def archived_as(folder: Path, outbox: Path, archive: Path) -> str:
    """Where a job's bundle will be when it is published, from the spool's root: `archive/NAME.zip`.

    Computed from the names that are free now.
    """
    name = _first_free(outbox, folder.name)
    ending = dropped_ending(folder)
    if os.path.lexists(archive / f"{name}{ending}"):
        name = _first_free(archive, folder.name, ending)
    return f"{archive.name}/{name}{ending}"


@dataclass(slots=True)
class _Publication:
    """One job on its way out; its methods are its steps, in their order."""

    request: PublishRequest
    outbox: Path
    archive: Path
    disk: Disk
    name: str = ""  # of the result, once the journal has its publish line

    def stage(self) -> Staged | None:
        """Prepare out/; None if an earlier attempt has completed this."""
        request = self.request
        line = _last_publish_line(request.folder) if request.again else None
        if line:
            self.name = line.name
            return None
        if request.links:
            staging.link_clips(request.folder, request.tree, request.links, self.disk)
        return staging.stage(request.folder, request.tree, request.files, request.clips, self.disk)

    def publish_line(self) -> tuple[Path, Sequence[PublishLine]] | None:
        """From this line on the job is only moved; None if it is in the journal already."""
        if self.name:
            return None
        self.name = self.request.folder.name
        return self.request.folder, [PublishLine(self.name, self.request.tree)]

    def move(self) -> Path:
        """Rename the result and the bundle, each unless it was done before; return work/NAME."""
        folder, tree = self.request.folder, self.request.tree
        with _unless_gone(folder / tree):
            free = rename_to_free(self.disk, folder / tree, self.outbox, folder.name).name
            if free != self.name:  # so that after a crash the bundle still finds its result's name
                append_to_all({folder: [PublishLine(free, tree)]}, self.disk, sync=False)
                self.name = free
        with _unless_gone(folder / BUNDLE):
            _archive(folder, self.archive, self.name, self.disk)
        return folder

    def remove(self) -> None:
        """What cannot be removed now, recovery removes at the next start."""
        folder = self.request.folder
        with suppress(OSError):
            try:
                with suppress(FileNotFoundError):
                    self.disk.remove_file(folder / JOURNAL)
                self.disk.remove_folder(folder)
            except OSError:  # an archive's content, raw clips, or something that a user put there
                remove_tree(self.disk, folder)


def _move(
    group: GroupCommit[_Publication], outbox: Path, archive: Path, disk: Disk, hooks: Path | None
) -> None:
    """Everything is staged and journaled: move it out. `finish` repeats a rename that a power cut undoes."""
    group.run(_Publication.move, lambda moved: disk.sync_folders([outbox, archive, *moved]))
    if hooks is not None:
        group.run(lambda job: hooks / job.name, lambda marks: disk.stage(dict.fromkeys(marks, b""), [hooks]))
    for job in group.jobs.values():
        job.remove()


@contextmanager
def _unless_gone(path: Path) -> Generator[None]:
    """Ignores FileNotFoundError if `path` is gone: then the step was done before."""
    try:
        yield
    except FileNotFoundError:
        if os.path.lexists(path):
            raise


def _archive(folder: Path, archive: Path, name: str, disk: Disk) -> None:
    """Move the bundle, under its result's name if that is free, so that a user finds one from the other.

    A file gets its ending again, so that it opens with a click.
    """
    ending = dropped_ending(folder)
    try:
        disk.rename(folder / BUNDLE, archive / f"{name}{ending}")
    except FileExistsError:
        rename_to_free(disk, folder / BUNDLE, archive, folder.name, ending)


def _first_free(folder: Path, name: str, ending: str = "") -> str:
    """NAME, or the first of NAME-2, NAME-3, … that is free in a folder with this ending."""
    names = (numbered(name, number) for number in count(1))
    return next(free for free in names if not os.path.lexists(folder / f"{free}{ending}"))


def _last_publish_line(folder: Path) -> PublishLine | None:
    """None if the journal has none, and the result may still be changed."""
    lines = [line for line in read_journal(folder)[0] if isinstance(line, PublishLine)]
    return lines[-1] if lines else None
