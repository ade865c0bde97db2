"""Clips of an earlier result taken over into a new job, so that only what has changed is spoken.

The outbox is open to users: what is taken from it is opened like a stranger's bundle, and must have the
digest that its result tells. Digests are made with a secret of this spool, so that nobody else can make one.
Everything here may fail; then the clip is spoken.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fishd.core.model.clip_key import base_name, clip_key
from fishd.core.model.hashes import content_hash
from fishd.core.model.job import Clip, Job
from fishd.core.model.limits import MIB
from fishd.core.model.result import Result, SegmentResult
from fishd.spool.durable.confined_fs import ConfinedFolder, Refused
from fishd.spool.durable.disk import Disk, write_all
from fishd.spool.journal.journal import Journal, SpokenLine, text_hash
from fishd.spool.names import numbered
from fishd.spool.outbox.staging import make_clip_folders
from fishd.spool.work_folder import OUT

RESULT_BYTES = 64 * MIB
CLIP_BYTES = 64 * MIB
BATCH_BYTES = 32 * MIB  # that are on the disk with one sync
MOST_EARLIER = 20
SECRET_BYTES = 32
_Place = tuple[int, int]


def take_over(
    job: Job, engine: str, secret: bytes, *, outbox: Path, folder: Path, disk: Disk
) -> dict[_Place, Clip]:
    """Put what earlier jobs of the same family have spoken into work/NAME, journaled like any clip.

    `engine` is its key, `secret` the spool's. Raises OSError for what the spool's disk refuses.
    """
    taking = _Taking(job, secret, folder, disk)
    for s, n, segment in job.segments():
        taking.wanted.setdefault(clip_key(engine, job, job.speakers[s], segment), []).append((s, n))
    for earlier in _earlier(job.name, outbox):
        if taking.wanted:
            _take_from(earlier, taking)
    return taking.taken


@dataclass(slots=True)
class _Taking:
    """What is still wanted, by key; what is read and not yet written; what is taken."""

    job: Job
    secret: bytes
    folder: Path
    disk: Disk
    wanted: dict[str, list[_Place]] = field(default_factory=dict[str, list[_Place]])
    batch: dict[_Place, tuple[Clip, bytes]] = field(default_factory=dict[_Place, tuple[Clip, bytes]])
    taken: dict[_Place, Clip] = field(default_factory=dict[_Place, Clip])


def _earlier(name: str, outbox: Path) -> list[Path]:
    """The family's results, the latest first."""
    base = base_name(name)
    found: list[Path] = []
    for stem in (base, f"{base}-retry"):
        for number in range(1, MOST_EARLIER):
            path = outbox / numbered(stem, number)
            if not os.path.lexists(path):
                break
            found.append(path)
    return sorted(found, key=lambda path: path.lstat().st_mtime, reverse=True)


def _take_from(earlier: Path, taking: _Taking) -> None:
    size_bytes = 0
    try:
        with ConfinedFolder(earlier) as result:
            for segment in _spoken(result):
                content = _content(result, segment, taking.secret) if segment.key in taking.wanted else None
                if content is None:
                    continue
                for s, n in taking.wanted.pop(segment.key or ""):
                    clip = _clip(segment, taking.job.speakers[s].segments[n].clip, content)
                    taking.batch[s, n] = clip, content
                    size_bytes += len(content)
                if size_bytes > BATCH_BYTES:
                    _put(taking)
                    size_bytes = 0
    except (Refused, msgspec.MsgspecError, UnicodeDecodeError):
        pass  # somebody changed it: nothing more is taken from it
    _put(taking)


def _spoken(result: ConfinedFolder) -> Iterator[SegmentResult]:
    told = msgspec.json.decode(result.read("result.json", RESULT_BYTES), type=Result)
    for speaker in told.speakers:
        yield from (segment for segment in speaker.segments if segment.clip and segment.key)


def _content(result: ConfinedFolder, segment: SegmentResult, secret: bytes) -> bytes | None:
    try:
        content = result.read(segment.clip or "", CLIP_BYTES)
    except Refused:
        return None
    made = digest_of(content_hash(content), segment.key or "", secret)
    return content if hmac.compare_digest(made, segment.digest or "") else None


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
    )


def _put(taking: _Taking) -> None:
    """Write a batch of clips with one sync, and tell the journal."""
    if not taking.batch:
        return
    out, clips = taking.folder / OUT, {place: clip for place, (clip, _) in taking.batch.items()}
    make_clip_folders(taking.folder, [clip.path for clip in clips.values()])
    files = {out / clip.path: content for clip, content in taking.batch.values()}
    for path in files:
        path.unlink(missing_ok=True)  # a crash's
    taking.disk.stage(files, sorted({path.parent for path in files}))
    sizes = {place: len(content) for place, (_, content) in taking.batch.items()}
    with Journal(taking.folder, taking.disk) as journal:
        journal.append_many([_line(taking.job, place, clip, sizes[place]) for place, clip in clips.items()])
    taking.taken |= clips
    taking.batch.clear()


def _line(job: Job, place: _Place, clip: Clip, size_bytes: int) -> SpokenLine:
    s, n = place
    speaker = job.speakers[s]
    segment = speaker.segments[n]
    return SpokenLine(s, segment.id, text_hash(segment.text), speaker.voice_key, size_bytes, clip)


def digest_of(content_hash: str, key: str, secret: bytes) -> str:
    """What a result tells of a clip that was made for this key."""
    if not content_hash:
        return ""
    return hashlib.blake2b(f"{key}\0{content_hash}".encode(), digest_size=16, key=secret).hexdigest()


def reuse_secret(cache: Path) -> bytes:
    """The spool's secret, made when there is none; where it cannot be kept, one for this life only."""
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
