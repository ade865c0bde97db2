"""Jobs that are published together share their syncs; each has its own errors."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError
from fishd.spool.outbox.publish import PublishRequest, publish_all
from fishd.spool.outbox.staging import ClipsMissing
from fishd.spool.root import Spool

CLIP = "clips/Alice/001.wav"


class CountingDisk(Disk):
    """Counts the syncs of folders; fails those of the `refused` folders with errno `code`."""

    def __init__(self, refused: Sequence[Path] = (), code: int = errno.ENOENT) -> None:
        self.num_syncs = 0
        self._refused = refused
        self._code = code

    def sync_folders(self, paths: Sequence[Path]) -> None:
        self.num_syncs += 1
        if set(paths) & set(self._refused):
            raise OSError(self._code, "refused")


def job(spool: Spool, name: str) -> PublishRequest:
    folder = spool.work / name
    (folder / "bundle").mkdir(parents=True)
    (folder / "out" / CLIP).parent.mkdir(parents=True)
    (folder / "out" / CLIP).write_bytes(b"audio")
    return PublishRequest(folder, {"result.json": b"{}"}, [CLIP])


def test_ten_jobs_need_as_many_syncs_as_one(spool: Spool) -> None:
    one, many = CountingDisk(), CountingDisk()
    publish_all([job(spool, "one")], spool.outbox, spool.archive, disk=one)
    ends = publish_all([job(spool, f"j{n}") for n in range(10)], spool.outbox, spool.archive, disk=many)
    assert [spool.outbox / f"j{n}" for n in range(10)] == ends
    assert one.num_syncs == many.num_syncs > 0
    assert not list(spool.work.iterdir())


def test_a_job_with_a_missing_clip_does_not_prevent_the_others_from_being_published(spool: Spool) -> None:
    """The error names the clip; nothing of its job is moved."""
    requests = [job(spool, "a"), job(spool, "b")]
    (requests[0].folder / "out" / CLIP).unlink()
    missing, published = publish_all(requests, spool.outbox, spool.archive)
    assert isinstance(missing, ClipsMissing)
    assert {CLIP} == missing.clips
    assert spool.outbox / "b" == published
    assert (spool.work / "a" / "bundle").is_dir()


def test_a_folder_that_cannot_be_synced_fails_only_its_own_job(spool: Spool) -> None:
    """The others are published."""
    requests = [job(spool, name) for name in ("a", "b", "c")]
    disk = CountingDisk(refused=[requests[1].folder])
    ends = publish_all(requests, spool.outbox, spool.archive, disk=disk)
    assert [False, True, False] == [isinstance(end, SpoolError) for end in ends]


def test_a_full_disk_fails_every_job(spool: Spool) -> None:
    """All jobs stay in work/ and can be published later."""
    requests = [job(spool, name) for name in ("a", "b", "c")]
    disk = CountingDisk(refused=[spool.outbox], code=errno.ENOSPC)
    ends = publish_all(requests, spool.outbox, spool.archive, disk=disk)
    assert all(isinstance(end, SpoolError) and isinstance(end.__cause__, OSError) for end in ends)
    again = publish_all(requests, spool.outbox, spool.archive)
    assert [spool.outbox / name for name in ("a", "b", "c")] == again
    assert not list(spool.work.iterdir())
