"""Publish finished jobs: stage the result, sync it, rename it into the outbox, archive the bundle.

    work/NAME/bundle/        what the user dropped, renamed here from the inbox
    work/NAME/unpacked/      what was in it, if it is an archive
    work/NAME/ending         the ending of a dropped file, where its content suggests another one
    work/NAME/journal.jsonl  what is done
    work/NAME/out/           becomes outbox/NAME; workers write clips/<speaker>/<id>.wav into it
    work/NAME/X.revision.toml  asks for a revision: the result takes the place of outbox/NAME (replace.py)
    work/NAME/final/         becomes outbox/NAME in its place, if the job is assembled from these clips: out/
                             is then kept as .takes/TAKES, so that a later job can reuse them; or if the best
                             take of a line is not its first: then final/ holds links to the best ones

Every crash leaves one of three states, and journal/recovery.py distinguishes them. The result's tree is out/
or final/, as the publish line says:

    publish line  bundle or out/
    no            no              half claimed, or removed already: remove the folder
    no            yes             in work: read the bundle again, go on after the journal
    yes           any             complete: `finish` takes every step from the move on that was not taken
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from fishd.core.model.hashes import content_hash
from fishd.spool.durable.disk import Disk, remove_tree, rename_to_free
from fishd.spool.errors import SpoolError
from fishd.spool.journal.journal import JOURNAL, PublishLine, append_to_all, read_journal
from fishd.spool.names import numbered
from fishd.spool.outbox import staging
from fishd.spool.outbox.group_commit import GroupCommit
from fishd.spool.outbox.replace import replace_result
from fishd.spool.outbox.staging import Staged
from fishd.spool.work_folder import BUNDLE, OUT, RESULT, dropped_ending


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A finished job: work/NAME, its result's files by name, and its clips as paths below work/NAME/TREE.

    `links`: TREE is made anew, of links to these files below work/NAME/out, by the clips' paths. `again`: an
    earlier attempt may have published half of it; its journal says how far that came. `takes` is the name
    under which work/NAME/out is kept, if TREE is another folder; "" removes it. `references` are
    files that get a link in TREE too, by its path: reference clips that the disk has. `revision` is the
    number of the revision that replaces outbox/NAME; 0 for a job's first result.
    """

    folder: Path
    files: Mapping[str, bytes]
    clips: Collection[str]
    again: bool = True
    tree: str = OUT
    takes: str = ""
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    references: Mapping[str, str] = field(default_factory=dict[str, str])
    revision: int = 0


def publish_all(
    requests: Sequence[PublishRequest],
    outbox: Path,
    archive: Path,
    *,
    disk: Disk | None = None,
    hooks: Path | None = None,
    takes: Path | None = None,
) -> list[Path | SpoolError]:
    """Publish jobs with as few syncs as one needs; for each its result's folder, or why it stays in work/.

    Clips must be synced already (workers do); whatever else is in out/ is removed. When this returns, all
    that is published is on the disk. A job that failed goes on when it is published again, or by `finish`
    after the next start. ClipsMissing comes before anything of that job is moved. `hooks` is a folder below
    the spool's root that gets an empty file of each result's name: its hook has yet to run. `takes` is the
    folder for what was spoken for results that were assembled from it.
    """
    disk = disk or Disk()
    jobs = {request.folder: _Publication(request, outbox, archive, takes, disk) for request in requests}
    group = GroupCommit(jobs)
    group.run(_Publication.stage, lambda staged: staging.write(staged, disk))
    group.run(_Publication.publish_line, lambda lines: append_to_all(dict(lines), disk))
    _move(group, [outbox, archive, *_used(takes, requests)], disk, hooks)
    return [group.errors.get(folder) or outbox / job.name for folder, job in jobs.items()]


def finish(
    folder: Path,
    outbox: Path,
    archive: Path,
    disk: Disk | None = None,
    *,
    hooks: Path | None = None,
    takes: Path | None = None,
) -> Path:
    """Go on with a publish that a crash cut; the result's folder. Raises SpoolError."""
    disk = disk or Disk()
    line = _last_publish_line(folder) or PublishLine(folder.name)
    request = PublishRequest(folder, {}, (), tree=line.tree, takes=line.takes, revision=line.revision)
    job = _Publication(request, outbox, archive, takes, disk, line.name, line.result_hash)
    group = GroupCommit({folder: job})
    _move(group, [outbox, archive, *_used(takes, [request])], disk, hooks)
    for error in group.errors.values():
        raise error
    return outbox / job.name


def archived_as(folder: Path, outbox: Path, archive: Path, *, is_revision: bool = False) -> str:
    """Where a job's bundle will be when it is published, from the spool's root: `archive/NAME.zip`.

    Computed from the names that are free now.
    """
    name = folder.name if is_revision else _first_free(outbox, folder.name)
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
    takes: Path | None
    disk: Disk
    name: str = ""  # of the result, once the journal has its publish line
    result_hash: str = ""  # of its result.json, if it is a revision

    def stage(self) -> Staged | None:
        """Prepare out/; None if an earlier attempt has completed this."""
        request = self.request
        line = _last_publish_line(request.folder) if request.again else None
        if line:
            self.name, self.result_hash = line.name, line.result_hash
            return None
        if request.links:
            staging.link_clips(request.folder, request.tree, request.links, self.disk)
        staged = staging.stage(request.folder, request.tree, request.files, request.clips, self.disk)
        return staging.link_references(request.folder / request.tree, request.references, staged, self.disk)

    def publish_line(self) -> tuple[Path, Sequence[PublishLine]] | None:
        """From this line on the job is only moved; None if it is in the journal already."""
        if self.name:
            return None
        self.name = self.request.folder.name
        if self.request.revision:
            self.result_hash = content_hash(self.request.files[RESULT])
        return self.request.folder, [self._line()]

    def move(self) -> Path:
        """Rename the result, its takes and the bundle, each unless it was done before; return work/NAME."""
        folder = self.request.folder
        if self.request.revision:
            self._replace()
        else:
            self._move_result()
        if self.takes and self.request.takes:
            self.takes.mkdir(exist_ok=True)
            with _unless_gone(folder / OUT):
                self.disk.rename(folder / OUT, self.takes / self.request.takes)
        with _unless_gone(folder / BUNDLE):
            archive_bundle(folder, self.archive, self.name, self.disk)
        return folder

    def _move_result(self) -> None:
        folder, tree = self.request.folder, self.request.tree
        with _unless_gone(folder / tree):
            free = rename_to_free(self.disk, folder / tree, self.outbox, folder.name).name
            if free != self.name:  # so that after a crash the bundle still finds its result's name
                self.name = free
                append_to_all({folder: [self._line()]}, self.disk, sync=False)

    def _replace(self) -> None:
        request = self.request
        former = self.archive / f"{self.name}.rev{request.revision}"
        tree, target = request.folder / request.tree, self.outbox / self.name
        replace_result(tree, target, former, self.result_hash, self.disk)

    def _line(self) -> PublishLine:
        request = self.request
        return PublishLine(self.name, request.tree, request.takes, request.revision, self.result_hash)

    def remove(self) -> None:
        """What cannot be removed now, recovery removes at the next start."""
        folder = self.request.folder
        with suppress(OSError):
            left = list(folder.iterdir())
            if left in ([folder / JOURNAL], []):
                for journal in left:
                    self.disk.remove_file(journal)
                self.disk.remove_folder(folder)
            else:  # at once: raw clips without a journal would look like a job in work
                remove_tree(self.disk, folder)


def _used(takes: Path | None, requests: Sequence[PublishRequest]) -> list[Path]:
    return [takes] if takes and any(request.takes for request in requests) else []


def _move(group: GroupCommit[_Publication], targets: Sequence[Path], disk: Disk, hooks: Path | None) -> None:
    """Everything is staged and journaled: move it out. `finish` repeats a rename that a power cut undoes."""
    group.run(_Publication.move, lambda moved: disk.sync_folders([*targets, *moved]))
    if hooks is not None:
        group.run(
            lambda job: _room_for(hooks / job.name, disk),
            lambda marks: disk.stage(dict.fromkeys(marks, b""), [hooks, hooks.parent]),
        )
    for job in group.jobs.values():
        job.remove()


def _room_for(mark: Path, disk: Disk) -> Path:
    """The mark's path, after removing that of an earlier result of its name."""
    mark.parent.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        disk.remove_file(mark)
    return mark


@contextmanager
def _unless_gone(path: Path) -> Generator[None]:
    """Ignores FileNotFoundError if `path` is gone: then the step was done before."""
    try:
        yield
    except FileNotFoundError:
        if os.path.lexists(path):
            raise


def archive_bundle(folder: Path, archive: Path, name: str, disk: Disk) -> None:
    """Move the bundle of work/NAME, under its result's name if that is free: a user finds one from the other.

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
