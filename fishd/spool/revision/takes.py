"""Take over the takes of a job's last result into work/NAME/out, so that only asked lines are spoken.

Users can write to the outbox: as in outbox/reuse.py, a take must match the digest in result.json, which is
keyed with this spool's secret. One that does not is spoken again, with a warning. A crash repeats this: what
is in out/ already is recognised by its digest too.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Self

from msgspec.structs import replace as _replace

from fishd.core.model.hashes import content_hash
from fishd.core.model.job import Clip, Fault, Job, Segment
from fishd.core.model.quality_result import take_quality
from fishd.core.model.result import KeptTake, SegmentResult
from fishd.core.model.revised_job import Position, RevisedJob
from fishd.spool.durable.confined_fs import ConfinedFolder, Refused, plain_path
from fishd.spool.durable.disk import Disk
from fishd.spool.outbox.reuse import BATCH_BYTES, MAX_CLIP_BYTES, digest_of
from fishd.spool.outbox.staging import make_clip_folders
from fishd.spool.work_folder import OUT


def kept_digest(hash_: str, job: str, secret: bytes) -> str:
    """What result.json says of a kept take with this content hash: it is genuine in its own job only."""
    return digest_of(hash_, f"kept {job}", secret)


def take_over_former(
    revised: RevisedJob, secret: bytes, *, outbox: Path, takes: Path, folder: Path, disk: Disk
) -> tuple[RevisedJob, list[Fault]]:
    """Bring every former take that is still there into work/NAME; with the faults the revision is refused.

    A former take that is gone is spoken again. Raises OSError for failures of the spool's disk.
    """
    if fault := _other_format(revised):
        return revised, [fault]
    with _FormerTakes(revised, secret, outbox=outbox, takes=takes, folder=folder, disk=disk) as former:
        for s, n, segment in revised.job.segments():
            former.take_over((s, n), segment)
        former.write_batch()
    return former.result(), former.faults


class _FormerTakes:
    """The takes of one job, and what is found of them. A context."""

    def __init__(
        self, revised: RevisedJob, secret: bytes, *, outbox: Path, takes: Path, folder: Path, disk: Disk
    ) -> None:
        self._revised = revised
        self._secret = secret
        self._out = folder / OUT
        self._folder = folder
        self._disk = disk
        self._open = ExitStack()
        self._takes_path: Path | None = None
        name = revised.former.takes_folder
        with suppress(Refused):
            self._takes_path = takes / plain_path(name) if name else None
        self._takes = self._opened(self._takes_path)
        self._result = self._opened(outbox / revised.job.name)
        # The mutable state.
        self.faults: list[Fault] = []
        self._warnings: list[Fault] = []
        self._clips: dict[Position, Clip] = {}
        self._kept: dict[Position, tuple[KeptTake, ...]] = {}
        self._gone: dict[Position, Segment] = {}  # lines whose former take is not there any more
        self._batch: dict[Path, bytes] = {}
        self._batch_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def take_over(self, place: Position, segment: Segment) -> None:
        """Bring the takes of one line."""
        row = self._revised.row(place)
        if row.clip is None:
            return
        wanted = self._revised.chosen.get(place)
        number = _chosen(row) if wanted is None else wanted.take
        found = {take.take: (take, digest) for take, digest in self._found(row, segment)}
        if found:
            self._kept[place] = tuple(take for take, _ in found.values())
        if number in found:
            self._clips[place] = _clip(segment, *found[number])
        elif wanted is not None:
            what = f"take {number} of {self._where(place)} is no longer kept, or was changed"
            self.faults.append(Fault("lines", what))
        elif place not in self._revised.spoken:
            self._gone[place] = segment
            what = "its former take was removed or changed; it is spoken again"
            self._warnings.append(Fault(self._where(place), what))

    def result(self) -> RevisedJob:
        revised = self._revised
        return replace(
            revised,
            job=_spoken_again(revised.job, self._gone, revised),
            spoken={**revised.spoken, **self._gone},
            clips=self._clips,
            kept=self._kept,
            warnings=(*revised.warnings, *self._warnings),
        )

    def _found(self, row: SegmentResult, segment: Segment) -> Iterator[tuple[KeptTake, str]]:
        """The takes of a line that are there and genuine, each with the hash of its content."""
        if not row.kept:
            yield from self._bring(_of_row(row), segment, row)
        for take in row.kept:
            yield from self._bring(take, segment, row)

    def _bring(self, take: KeptTake, segment: Segment, row: SegmentResult) -> Iterator[tuple[KeptTake, str]]:
        """Bring one take into out/, unless it is gone or not genuine."""
        path = segment.take_path(take.take)
        target = self._out / path
        for content, source in self._contents(target, take.file, None if row.kept else row.clip):
            hash_ = content_hash(content)
            if self._is_genuine(hash_, take, row):
                if source != target:
                    self._add(target, source, content)
                digest = kept_digest(hash_, self._revised.job.name, self._secret)
                yield _replace(take, file=path, digest=digest), hash_
                return

    def _is_genuine(self, hash_: str, take: KeptTake, row: SegmentResult) -> bool:
        """A kept take has its own digest, a line without any has that of its clip key."""
        if row.kept:
            expected, found = kept_digest(hash_, self._revised.job.name, self._secret), take.digest
        else:
            expected, found = digest_of(hash_, row.key or "", self._secret), row.digest or ""
        return hmac.compare_digest(expected.encode(), found.encode())

    def _contents(self, target: Path, file: str, clip: str | None) -> Iterator[tuple[bytes, Path | None]]:
        """What may be the take, with its path if that file is ours: in out/, in .takes, in the result."""
        with suppress(FileNotFoundError):
            yield target.read_bytes(), target
        if self._takes and self._takes_path and file:
            with suppress(Refused):
                yield self._takes.read(file, MAX_CLIP_BYTES), self._takes_path / plain_path(file)
        if self._result and clip:
            with suppress(Refused):
                yield self._result.read(clip, MAX_CLIP_BYTES), None

    def _add(self, target: Path, source: Path | None, content: bytes) -> None:
        """Link what is ours; copy what users can write to."""
        make_clip_folders(self._folder, [str(target.relative_to(self._out))])
        target.unlink(missing_ok=True)  # left by a crash
        if source is not None:
            self._disk.link(source, target)
            return
        self._batch[target] = content
        self._batch_bytes += len(content)
        if self._batch_bytes > BATCH_BYTES:
            self.write_batch()

    def write_batch(self) -> None:
        """Write what was copied with one sync."""
        if self._batch:
            self._disk.stage(self._batch, sorted({path.parent for path in self._batch}))
            self._batch.clear()
            self._batch_bytes = 0

    def _opened(self, folder: Path | None) -> ConfinedFolder | None:
        with suppress(Refused):
            return self._open.enter_context(ConfinedFolder(folder)) if folder else None
        return None

    def _where(self, place: Position) -> str:
        return f"{self._revised.job.speakers[place[0]].name} {self._revised.row(place).id}"


def _other_format(revised: RevisedJob) -> Fault | None:
    """Takes can only be kept beside takes of the same format."""
    for s, n, segment in revised.job.segments():
        row = revised.row((s, n))
        files = [take.file for take in row.kept] or [row.take or row.clip or ""]
        was, needed = PurePosixPath(files[0]).suffix, PurePosixPath(segment.take_clip).suffix
        if was and was != needed:
            fix = "set [output] of config.toml as it was, or submit the bundle as a new job"
            return Fault("output", f"the former takes are {was[1:]}, new ones would be {needed[1:]}; {fix}")
    return None


def _spoken_again(job: Job, gone: dict[Position, Segment], revised: RevisedJob) -> Job:
    """The job with the numbers of new takes after those of the takes that are gone."""
    if not gone:
        return job

    def again(s: int, n: int, segment: Segment) -> Segment:
        return replace(segment, earlier_takes=revised.row((s, n)).takes) if (s, n) in gone else segment

    speakers = tuple(
        replace(speaker, segments=tuple(again(s, n, segment) for n, segment in enumerate(speaker.segments)))
        for s, speaker in enumerate(job.speakers)
    )
    return replace(job, speakers=speakers)


def _chosen(row: SegmentResult) -> int:
    return row.chosen or max(row.takes, 1)


def _of_row(row: SegmentResult) -> KeptTake:
    """The only take of a line that has no list of kept ones."""
    return KeptTake(
        take=_chosen(row),
        file=row.take or "",
        duration_s=row.duration_s or 0.0,
        seed=row.seed or 0,
        text=row.text,
        spoken=row.spoken,
        worker=row.worker or 0,
        device=row.device or "",
        quality=row.quality and _replace(row.quality, takes=()),
    )


def _clip(segment: Segment, take: KeptTake, hash_: str) -> Clip:
    return Clip(
        path=segment.take_path(take.take),
        duration_s=take.duration_s,
        takes=take.take,
        seed=take.seed,
        worker=take.worker,
        device=take.device,
        work_s=0.0,
        content_hash=hash_,
        quality=take_quality(take.quality),
    )
