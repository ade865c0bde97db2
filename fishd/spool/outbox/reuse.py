"""Reuse clips of an earlier result in a new job, so that only what has changed is spoken.

Users can write to the outbox: an earlier result is untrusted input, and a clip of it must match the digest in
its result.json. Digests are keyed with a secret of this spool, so that nobody else can make one. Any failure
to read a clip means that it is spoken again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from fishd.core.model.clip_key import clip_key
from fishd.core.model.hashes import content_hash
from fishd.core.model.job import Clip, Job
from fishd.core.model.limits import MIB
from fishd.core.model.quality_result import take_quality
from fishd.core.model.result import Result, SegmentResult
from fishd.spool.durable.confined_fs import ConfinedFolder, Refused, plain_path
from fishd.spool.durable.disk import Disk, write_all
from fishd.spool.journal.journal import Journal, SpokenLine, text_hash
from fishd.spool.names import base_name, numbered
from fishd.spool.outbox.staging import make_clip_folders
from fishd.spool.work_folder import OUT

MAX_RESULT_BYTES = 64 * MIB
MAX_CLIP_BYTES = 64 * MIB
BATCH_BYTES = 32 * MIB  # written with one sync
MAX_EARLIER = 20  # results of one family that are searched
SECRET_BYTES = 32
Position = tuple[int, int]  # of a speaker, and of a segment in it


def take_over(
    job: Job, engine: str, secret: bytes, *, outbox: Path, takes: Path, folder: Path, disk: Disk
) -> dict[Position, Clip]:
    """Copy matching clips of earlier jobs of the same family into work/NAME, journaled like any clip.

    `takes` holds what was spoken for results that were assembled from it. `engine` is the engine's key,
    `secret` the spool's. Raises OSError for failures of the spool's disk.
    """
    reuse = _Reuse(job, engine, secret, takes, folder=folder, disk=disk)
    for earlier in _earlier_results(job.name, outbox):
        if reuse.wanted:
            reuse.copy_from(earlier)
    return reuse.copied


def digest_of(content_hash: str, key: str, secret: bytes) -> str:
    """What result.json says of a clip that was made for this key."""
    if not content_hash:
        return ""
    return hashlib.blake2b(f"{key}\0{content_hash}".encode(), digest_size=16, key=secret).hexdigest()


def reuse_secret(cache: Path) -> bytes:
    """The spool's secret, created if there is none; where it cannot be stored, one for this process only."""
    path = cache / "reuse.secret"
    try:
        cache.mkdir(exist_ok=True)
        with suppress(FileExistsError):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                write_all(fd, secrets.token_bytes(SECRET_BYTES))
            finally:
                os.close(fd)
        secret = path.read_bytes()
    except OSError:
        secret = b""
    return secret if len(secret) == SECRET_BYTES else secrets.token_bytes(SECRET_BYTES)


class _Reuse:
    """The clips that one job still wants, by key, and those that it has got."""

    def __init__(
        self, job: Job, engine: str, secret: bytes, takes: Path, *, folder: Path, disk: Disk
    ) -> None:
        self._job = job
        self._secret = secret
        self._takes = takes
        self._folder = folder
        self._disk = disk
        # The mutable state.
        self.wanted: dict[str, list[Position]] = {}
        self.copied: dict[Position, Clip] = {}
        self._batch: dict[Position, tuple[Clip, bytes]] = {}  # read, and not yet written
        for s, n, segment in job.segments():
            self.wanted.setdefault(clip_key(engine, job, job.speakers[s], segment), []).append((s, n))

    def copy_from(self, earlier: Path) -> None:
        """Copy every wanted clip of a result."""
        size_bytes = 0
        try:
            with ConfinedFolder(earlier) as folder:
                result = msgspec.json.decode(folder.read("result.json", MAX_RESULT_BYTES), type=Result)
                takes = self._takes / plain_path(result.takes_folder) if result.takes_folder else None
                for segment in _spoken_segments(result):
                    size_bytes += self._read(segment, _contents(segment, folder, takes))
                    if size_bytes > BATCH_BYTES:
                        self._write_batch()
                        size_bytes = 0
        except (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # a user changed the result: the rest of it is not used
        self._write_batch()

    def _read(self, segment: SegmentResult, contents: Iterable[bytes]) -> int:
        """Read a clip if it is wanted and genuine; the bytes to write for it."""
        key = segment.key or ""
        if key not in self.wanted:
            return 0
        content = next((one for one in contents if _is_genuine(one, segment, self._secret)), None)
        if content is None:
            return 0
        positions = self.wanted.pop(key)
        for s, n in positions:
            path = self._job.speakers[s].segments[n].take_clip
            self._batch[s, n] = _clip(segment, path, content), content
        return len(content) * len(positions)

    def _write_batch(self) -> None:
        """Write the clips with one sync, then their journal lines."""
        if not self._batch:
            return
        make_clip_folders(self._folder, [clip.path for clip, _ in self._batch.values()])
        files = {self._folder / OUT / clip.path: content for clip, content in self._batch.values()}
        for path in files:
            path.unlink(missing_ok=True)  # left by a crash
        self._disk.stage(files, sorted({path.parent for path in files}))
        with Journal(self._folder, self._disk) as journal:
            journal.append_many([self._line(position) for position in self._batch])
        self.copied |= {position: clip for position, (clip, _) in self._batch.items()}
        self._batch.clear()

    def _line(self, position: Position) -> SpokenLine:
        s, n = position
        speaker = self._job.speakers[s]
        segment = speaker.segments[n]
        clip, content = self._batch[position]
        return SpokenLine(s, segment.id, text_hash(segment.speech), speaker.voice_key, len(content), clip)


def _earlier_results(name: str, outbox: Path) -> list[Path]:
    """The results of a job's family, the latest first."""
    base = base_name(name)
    found: list[Path] = []
    for stem in (base, f"{base}-retry"):
        for number in range(1, MAX_EARLIER):
            path = outbox / numbered(stem, number)
            if not os.path.lexists(path):
                break
            found.append(path)
    return sorted(found, key=lambda path: path.lstat().st_mtime, reverse=True)


def _spoken_segments(result: Result) -> Iterator[SegmentResult]:
    for speaker in result.speakers:
        yield from (segment for segment in speaker.segments if segment.clip and segment.key)


def _contents(segment: SegmentResult, result: ConfinedFolder, takes: Path | None) -> Iterator[bytes]:
    """What there is of a segment: the take that its clip is made from, and the clip."""
    with suppress(Refused):
        if takes and segment.take:
            with ConfinedFolder(takes) as folder:
                yield folder.read(segment.take, MAX_CLIP_BYTES)
    with suppress(Refused):
        yield result.read(segment.clip or "", MAX_CLIP_BYTES)


def _is_genuine(content: bytes, segment: SegmentResult, secret: bytes) -> bool:
    digest = digest_of(content_hash(content), segment.key or "", secret)
    return hmac.compare_digest(digest.encode(), (segment.digest or "").encode())


def _clip(segment: SegmentResult, path: str, content: bytes) -> Clip:
    return Clip(
        path=path,
        duration_s=segment.duration_s or 0.0,
        takes=segment.takes,
        seed=segment.seed or 0,
        worker=segment.worker or 0,
        device=segment.device or "",
        work_s=0.0,
        content_hash=content_hash(content),
        quality=take_quality(segment.quality),
    )
