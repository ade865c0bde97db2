"""Publishing: the result moves to the outbox, the bundle to the archive, and nothing is left in work/."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishd.core.model.job import Clip, Fault
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError
from fishd.spool.journal.journal import (
    JOURNAL,
    CancelledLine,
    ClaimedLine,
    FailedLine,
    Journal,
    PublishLine,
    SpokenLine,
    append_to_all,
    read_journal,
    text_hash,
)
from fishd.spool.journal.recovery import recover
from fishd.spool.outbox.publish import PublishRequest, archived_as, finish, publish_all
from fishd.spool.outbox.staging import make_clip_folders
from fishd.spool.root import Spool, make_folders
from tests.shell.bundles import names_in

CLIP = "clips/Alice/001.wav"
SPOKEN = SpokenLine(0, "001", text_hash("Hello."), "voice", 5, Clip(CLIP, 1.0, 1, 7, 0, "cpu", 0.1))
FILES = {"result.json": b"{}", "summary.txt": b"well"}


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    make_folders(tmp_path)
    return Spool(tmp_path, -1)


def a_job(spool: Spool, name: str = "NAME") -> Path:
    """A claimed job whose one clip is on the disk."""
    folder = spool.work / name
    (folder / "bundle").mkdir(parents=True)
    (folder / "bundle" / "job.toml").write_text("mine")
    make_clip_folders(folder, [CLIP])
    (folder / "out" / CLIP).write_bytes(b"12345")
    return folder


def publish(request: PublishRequest, outbox: Path, archive: Path, disk: Disk | None = None) -> Path:
    """Publish one job; its result's folder. Raises SpoolError."""
    (end,) = publish_all([request], outbox, archive, disk=disk)
    if isinstance(end, SpoolError):
        raise end
    return end


def tree(folder: Path) -> list[str]:
    """Every file below, by its path."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_a_job_is_published_completely(spool: Spool) -> None:
    """Clips and files in the outbox, the bundle in the archive, work empty."""
    result = publish(PublishRequest(a_job(spool), FILES, [CLIP]), spool.outbox, spool.archive)
    assert spool.outbox / "NAME" == result
    assert [CLIP, "result.json", "summary.txt"] == tree(result)
    assert ["NAME/job.toml"] == tree(spool.archive)
    assert [] == list(spool.work.iterdir())


def test_a_taken_name_gets_a_number(spool: Spool) -> None:
    """Even that of an empty folder; result and bundle get the same number if possible."""
    (spool.outbox / "NAME").mkdir()
    (spool.outbox / "NAME-2").mkdir()
    assert "NAME-3" == publish(PublishRequest(a_job(spool), FILES, [CLIP]), spool.outbox, spool.archive).name
    assert ["NAME-3/job.toml"] == tree(spool.archive)
    (spool.archive / "NAME-4").mkdir()
    assert "NAME-4" == publish(PublishRequest(a_job(spool), FILES, [CLIP]), spool.outbox, spool.archive).name
    assert ["NAME-3/job.toml", "NAME/job.toml"] == tree(spool.archive)


def an_archives_job(spool: Spool, content: bytes) -> PublishRequest:
    """A claimed job whose bundle is a file."""
    folder = a_job(spool)
    (folder / "bundle" / "job.toml").unlink()
    (folder / "bundle").rmdir()
    (folder / "bundle").write_bytes(content)
    return PublishRequest(folder, FILES, [CLIP])


def test_an_archive_keeps_its_ending(spool: Spool) -> None:
    """After its result's name, or after a number if that name is taken."""
    publish(an_archives_job(spool, b"PK\3\4"), spool.outbox, spool.archive)
    assert "NAME-2" == publish(an_archives_job(spool, b"\x1f\x8b\x08"), spool.outbox, spool.archive).name
    (spool.archive / "NAME-3.zip").touch()
    publish(an_archives_job(spool, b"PK\3\4"), spool.outbox, spool.archive)
    assert ["NAME-2.tar.gz", "NAME-2.zip", "NAME-3.zip", "NAME.zip"] == tree(spool.archive)


def test_the_bundles_later_place_is_known(spool: Spool) -> None:
    """For the summary: with the result's number and the bundle's ending, at a free name."""
    for name, archived in (("NAME", ()), ("NAME-2", ("NAME.zip",)), ("NAME-3", ("NAME-3.zip", "NAME.zip"))):
        for taken in archived:
            (spool.archive / taken).touch()
        request = an_archives_job(spool, b"PK\3\4")
        expected = archived_as(request.folder, spool.outbox, spool.archive)
        before = set(names_in(spool.archive))
        assert name == publish(request, spool.outbox, spool.archive).name
        assert {expected} == {f"archive/{new}" for new in set(names_in(spool.archive)) - before}


def test_a_missing_bundle_has_a_place_too(spool: Spool) -> None:
    """A user removed it from work/; its job is published all the same."""
    assert "archive/NAME" == archived_as(spool.work / "NAME", spool.outbox, spool.archive)


def test_any_other_file_is_archived_without_an_ending(spool: Spool) -> None:
    """Such as a rejected text file."""
    publish(an_archives_job(spool, b"Hello."), spool.outbox, spool.archive)
    assert ["NAME"] == tree(spool.archive)


def test_what_the_result_does_not_name_is_not_published(spool: Spool) -> None:
    """A clip of a segment that failed later, a temporary file, an old summary, empty folders, links."""
    folder = a_job(spool)
    out = folder / "out"
    (out / "clips" / "Bob").mkdir()
    (out / "clips" / "Bob" / "001.wav").touch()
    (out / "clips" / "Alice" / "001.wav.tmp").touch()
    (out / "clips" / "Alice" / "002.wav").symlink_to("/etc/passwd")
    (out / "summary.txt").write_text("old")
    result = publish(PublishRequest(folder, FILES, [CLIP]), spool.outbox, spool.archive)
    assert [CLIP, "result.json", "summary.txt"] == tree(result)
    assert ["Alice"] == names_in(result / "clips")
    assert "well" == (result / "summary.txt").read_text()


def test_a_rejected_job_needs_no_clips(spool: Spool) -> None:
    """Nor an out/ folder or a journal."""
    folder = spool.work / "NAME"
    (folder / "bundle").mkdir(parents=True)
    assert ["result.json", "summary.txt"] == tree(
        publish(PublishRequest(folder, FILES, []), spool.outbox, spool.archive)
    )


def test_a_job_with_a_missing_clip_is_not_published(spool: Spool) -> None:
    """The error names the clip; the job stays in work/."""
    folder = a_job(spool)
    (folder / "out" / CLIP).unlink()
    with pytest.raises(SpoolError, match=r"001.wav: was spoken, but is not there any more"):
        publish(PublishRequest(folder, FILES, [CLIP]), spool.outbox, spool.archive)
    assert [] == list(spool.outbox.iterdir())
    assert (folder / "bundle").is_dir()


class Failing(Disk):
    """Fails the first calls of one kind, as a full or broken disk would."""

    def __init__(self, call: str, times: int = 1, skip: int = 0) -> None:
        self._call = call
        self._times = times
        self._skip = skip

    def _may_fail(self, call: str) -> None:
        if call == self._call and self._skip:
            self._skip -= 1
        elif call == self._call and self._times:
            self._times -= 1
            raise OSError(28, "No space left on device")

    def write(self, path: Path, content: bytes) -> None:
        self._may_fail("write")
        super().write(path, content)

    def append(self, fd: int, content: bytes) -> None:
        if self._call == "append" and self._times:
            os.write(fd, content[: len(content) // 2])
        self._may_fail("append")
        super().append(fd, content)

    def sync(self, fd: int) -> None:
        self._may_fail("sync")
        super().sync(fd)

    def sync_folder(self, path: Path) -> None:
        self._may_fail("sync_folder")
        super().sync_folder(path)

    def rename(self, source: Path, target: Path) -> None:
        self._may_fail("rename")
        super().rename(source, target)

    def remove_file(self, path: Path) -> None:
        self._may_fail("remove_file")
        super().remove_file(path)


@pytest.mark.parametrize("call", ["write", "append", "sync", "sync_folder", "rename"])
def test_a_failed_publish_can_be_repeated(spool: Spool, call: str) -> None:
    """After a full disk nothing is lost, and the job is published once."""
    folder = a_job(spool)
    disk = Failing(call)
    with pytest.raises(
        SpoolError, match="job NAME: cannot be published: No space left on device; free some space"
    ):
        publish(PublishRequest(folder, FILES, [CLIP]), spool.outbox, spool.archive, disk=disk)
    assert spool.outbox / "NAME" == publish(
        PublishRequest(folder, FILES, [CLIP]), spool.outbox, spool.archive, disk=disk
    )
    assert [f"NAME/{CLIP}", "NAME/result.json", "NAME/summary.txt"] == tree(spool.outbox)
    assert ["NAME/job.toml"] == tree(spool.archive)
    assert [] == list(spool.work.iterdir())


def test_a_job_is_published_although_its_folder_cannot_be_removed(spool: Spool) -> None:
    """The next start removes what is left; publishing it again would be worse."""
    folder = a_job(spool)
    request = PublishRequest(folder, FILES, [CLIP])
    assert spool.outbox / "NAME" == publish(request, spool.outbox, spool.archive, Failing("remove_file"))
    assert [folder] == list(spool.work.iterdir())
    (left,) = recover(spool.work)
    assert left.complete
    assert spool.outbox / "NAME" == finish(folder, spool.outbox, spool.archive)
    assert [] == list(spool.work.iterdir())
    assert ["NAME"] == names_in(spool.outbox)


class Counting(Disk):
    """Records every sync of a file or a folder."""

    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync(self, fd: int) -> None:
        self.synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    def sync_folder(self, path: Path) -> None:
        self.synced.append(f"{path.name}/")


def test_everything_is_synced_once_before_it_is_visible(spool: Spool) -> None:
    """Files and folders before the journal line, the journal before the rename, both parents after it."""
    disk = Counting()
    folder = a_job(spool)
    Journal(folder).append(SPOKEN)
    publish(PublishRequest(folder, FILES, [CLIP]), spool.outbox, spool.archive, disk=disk)
    assert disk.synced == [
        "result.json",
        "summary.txt",
        "Alice/",
        "clips/",
        "out/",
        "NAME/",
        JOURNAL,
        "outbox/",
        "archive/",
        "NAME/",
    ]


def test_the_journal_tells_what_was_done(spool: Spool) -> None:
    """Every line comes back as it was written, in order."""
    folder = a_job(spool)
    lines = [
        ClaimedLine("2026-01-01T00:00:00Z"),
        SPOKEN,
        FailedLine(1, "001", "hash", 3, "silence"),
        CancelledLine("2026-01-01T00:00:01Z"),
        PublishLine("NAME"),
    ]
    with Journal(folder) as journal:
        journal.append(lines[0])
        journal.append_many(lines[1:])
    assert (lines, []) == read_journal(folder)


def test_a_torn_last_line_is_dropped_and_written_over(spool: Spool) -> None:
    """A crash in the midst of an append costs that line and no other."""
    folder = a_job(spool)
    with Journal(folder) as journal:
        journal.append(SPOKEN)
    whole = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(whole + whole[:20])
    assert ([SPOKEN], []) == read_journal(folder)
    with Journal(folder) as journal:
        journal.append(PublishLine("NAME"))
    assert ([SPOKEN, PublishLine("NAME")], []) == read_journal(folder)


def test_a_corrupt_line_is_told_and_the_others_stand(spool: Spool) -> None:
    """The segment that it told of is spoken again."""
    folder = a_job(spool)
    with Journal(folder) as journal:
        journal.append_many([ClaimedLine("t"), SPOKEN])
    (folder / JOURNAL).write_bytes(b"\xff\x00\n" + (folder / JOURNAL).read_bytes() + b'{"is":"sung"}\n')
    lines, faults = read_journal(folder)
    assert [ClaimedLine("t"), SPOKEN] == lines
    assert ["journal.jsonl:1", "journal.jsonl:4"] == [fault.where for fault in faults]
    assert all(fault.what.endswith("; its work is repeated") for fault in faults)


def test_after_a_failed_sync_nothing_unsynced_stands(spool: Spool) -> None:
    """The kernel may have thrown the pages away, and would call the next sync a success."""
    folder = a_job(spool)
    with Journal(folder) as journal:
        journal.append(ClaimedLine("t"))
    journal = Journal(folder, Failing("sync"))
    with pytest.raises(OSError, match="No space"):
        journal.append(SPOKEN)
    assert ([ClaimedLine("t")], []) == read_journal(folder)


def test_lines_of_many_jobs_are_added_together(spool: Spool) -> None:
    """With one sync each here; with one for all on a disk that flushes."""
    folders = [a_job(spool, name) for name in ("a", "b")]
    append_to_all({folder: [SPOKEN, CancelledLine(folder.name)] for folder in folders}, Disk())
    assert [[SPOKEN, CancelledLine("a")], [SPOKEN, CancelledLine("b")]] == [
        read_journal(f)[0] for f in folders
    ]


def test_lines_of_many_jobs_fail_together(spool: Spool) -> None:
    """What was written before the failure is taken back, so that asking again writes each line once."""
    folders = [a_job(spool, name) for name in ("a", "b")]
    with pytest.raises(OSError, match="No space"):
        append_to_all({folder: [SPOKEN] for folder in folders}, Failing("append", skip=1))
    with pytest.raises(OSError, match="No space"):
        append_to_all({folder: [SPOKEN] for folder in folders}, Failing("sync", skip=1))
    assert [[], []] == [read_journal(folder)[0] for folder in folders]
    append_to_all({folder: [SPOKEN] for folder in folders}, Disk())
    assert [[SPOKEN], [SPOKEN]] == [read_journal(folder)[0] for folder in folders]


def test_recovery_finds_what_is_done(spool: Spool) -> None:
    """The clips that are there with their journaled size, the segments given up, and when the job began."""
    folder = a_job(spool)
    gone = SpokenLine(0, "002", "h", "v", 5, Clip("clips/Alice/002.wav", 1.0, 1, 7, 0, "cpu", 0.1))
    torn = SpokenLine(0, "003", "h", "v", 5, Clip("clips/Alice/003.wav", 1.0, 1, 7, 0, "cpu", 0.1))
    failed = FailedLine(0, "004", "h", 3, "silence")
    (folder / "out" / torn.clip.path).write_bytes(b"123")
    with Journal(folder) as journal:
        journal.append_many([ClaimedLine("then"), SPOKEN, gone, torn, failed])
    (recovered,) = recover(spool.work)
    assert ("NAME", "then", False, False) == (
        recovered.name,
        recovered.started,
        recovered.complete,
        recovered.cancelled,
    )
    assert {(0, "001"): SPOKEN} == recovered.spoken
    assert {(0, "004"): failed} == recovered.failed
    assert folder / "bundle" == recovered.bundle


def test_recovery_clears_what_a_crash_left_half_made(spool: Spool) -> None:
    """An empty folder of a claim that did not happen, a half-removed tree; a stray file is left alone."""
    (spool.work / "NAME").mkdir()
    (spool.work / ".removing-1" / "0").mkdir(parents=True)
    (spool.work / "file").touch()
    assert [] == recover(spool.work)
    assert ["file"] == names_in(spool.work)


def test_a_job_without_its_bundle_is_told_not_dropped(spool: Spool) -> None:
    """Somebody took the bundle out of work/: its reader will say that it is not there."""
    folder = a_job(spool)
    (folder / "bundle").rename(spool.root / "elsewhere")
    (recovered,) = recover(spool.work)
    assert not recovered.complete


def test_a_cancelled_job_stays_cancelled(spool: Spool) -> None:
    """After a crash as well."""
    with Journal(a_job(spool)) as journal:
        journal.append(CancelledLine("t"))
    assert recover(spool.work)[0].cancelled


def test_faults_of_a_journal_come_with_the_recovered_job(spool: Spool) -> None:
    """So that the log tells them."""
    folder = a_job(spool)
    (folder / JOURNAL).write_bytes(b"?\n")
    assert [Fault("journal.jsonl:1", recover(spool.work)[0].faults[0].what)] == list(
        recover(spool.work)[0].faults
    )


def test_a_bundle_archived_late_still_gets_its_results_name(spool: Spool) -> None:
    """The disk failed after the result was published under a number."""
    (spool.outbox / "NAME").mkdir()
    folder = a_job(spool)
    with pytest.raises(SpoolError):
        publish(
            PublishRequest(folder, FILES, [CLIP]), spool.outbox, spool.archive, disk=Failing("rename", skip=2)
        )
    assert spool.outbox / "NAME-2" == finish(folder, spool.outbox, spool.archive)
    assert ["NAME-2/job.toml"] == tree(spool.archive)


def test_a_bundle_that_cannot_be_archived_is_an_error_although_its_result_is_out(spool: Spool) -> None:
    """Otherwise the bundle would stay in work/ until the next start."""
    folder = a_job(spool)
    with pytest.raises(SpoolError):
        publish(
            PublishRequest(folder, FILES, [CLIP]), spool.outbox, spool.archive, disk=Failing("rename", skip=1)
        )
    assert (spool.outbox / "NAME").is_dir()
    with pytest.raises(SpoolError, match="job NAME: cannot be published: No space left on device"):
        finish(folder, spool.outbox, spool.archive, Failing("rename"))
    assert spool.outbox / "NAME" == finish(folder, spool.outbox, spool.archive)
    assert ["NAME/job.toml"] == tree(spool.archive)


def test_finish_archives_the_bundle_of_a_published_job(spool: Spool) -> None:
    """The crash came between the two renames."""
    folder = a_job(spool)
    with Journal(folder) as journal:
        journal.append(PublishLine("NAME"))
    (folder / "out").rename(spool.outbox / "NAME")
    assert recover(spool.work)[0].complete
    assert spool.outbox / "NAME" == finish(folder, spool.outbox, spool.archive)
    assert ["NAME/job.toml"] == tree(spool.archive)
    assert [] == list(spool.work.iterdir())
