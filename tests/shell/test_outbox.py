"""Publishing moves the result to the outbox and the bundle to the archive, and empties work/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError
from fishd.spool.journal.journal import (
    JOURNAL,
    Journal,
    PublishLine,
)
from fishd.spool.journal.recovery import recover
from fishd.spool.outbox.publish import PublishRequest, archived_as, finish, publish_all
from fishd.spool.root import Spool
from tests.shell.bundles import names_in
from tests.shell.claimed_job import CLIP, SPOKEN, make_claimed_job
from tests.shell.failing_disk import FailingDisk

FILES = {"result.json": b"{}", "summary.txt": b"summary"}


def publish(spool: Spool, folder: Path, disk: Disk | None = None, clips: Sequence[str] = (CLIP,)) -> Path:
    """Publish the job in this folder of work/; its result's folder. Raises SpoolError."""
    request = PublishRequest(folder, FILES, clips)
    (end,) = publish_all([request], spool.outbox, spool.archive, disk=disk)
    if isinstance(end, SpoolError):
        raise end
    return end


def tree(folder: Path) -> list[str]:
    """The path of every file below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_result_and_bundle_are_moved_completely(spool: Spool) -> None:
    """Then work/ is empty."""
    result = publish(spool, make_claimed_job(spool))
    assert spool.outbox / "NAME" == result
    assert [CLIP, "result.json", "summary.txt"] == tree(result)
    assert ["NAME/job.toml"] == tree(spool.archive)
    assert [] == list(spool.work.iterdir())


def test_a_taken_name_gets_a_number(spool: Spool) -> None:
    """An empty folder takes a name too; result and bundle have the same number if possible."""
    (spool.outbox / "NAME").mkdir()
    (spool.outbox / "NAME-2").mkdir()
    assert "NAME-3" == publish(spool, make_claimed_job(spool)).name
    assert ["NAME-3/job.toml"] == tree(spool.archive)
    (spool.archive / "NAME-4").mkdir()
    assert "NAME-4" == publish(spool, make_claimed_job(spool)).name
    assert ["NAME-3/job.toml", "NAME/job.toml"] == tree(spool.archive)


def claimed_archive(spool: Spool, content: bytes) -> Path:
    """A claimed job whose bundle is a file."""
    folder = make_claimed_job(spool)
    (folder / "bundle" / "job.toml").unlink()
    (folder / "bundle").rmdir()
    (folder / "bundle").write_bytes(content)
    return folder


def test_an_archive_keeps_its_ending(spool: Spool) -> None:
    """It stands behind a number too."""
    publish(spool, claimed_archive(spool, b"PK\3\4"))
    assert "NAME-2" == publish(spool, claimed_archive(spool, b"\x1f\x8b\x08")).name
    (spool.archive / "NAME-3.zip").touch()
    publish(spool, claimed_archive(spool, b"PK\3\4"))
    assert ["NAME-2.tar.gz", "NAME-2.zip", "NAME-3.zip", "NAME.zip"] == tree(spool.archive)


def test_the_bundles_place_in_the_archive_is_predicted(spool: Spool) -> None:
    """The summary names it before the bundle is moved."""
    for name, archived in (("NAME", ()), ("NAME-2", ("NAME.zip",)), ("NAME-3", ("NAME-3.zip", "NAME.zip"))):
        for taken in archived:
            (spool.archive / taken).touch()
        folder = claimed_archive(spool, b"PK\3\4")
        expected = archived_as(folder, spool.outbox, spool.archive)
        before = set(names_in(spool.archive))
        assert name == publish(spool, folder).name
        assert {expected} == {f"archive/{new}" for new in set(names_in(spool.archive)) - before}


def test_the_place_of_a_missing_bundle_is_predicted_too(spool: Spool) -> None:
    """Its job is published although a user removed it from work/."""
    assert "archive/NAME" == archived_as(spool.work / "NAME", spool.outbox, spool.archive)


def test_any_other_file_is_archived_without_an_ending(spool: Spool) -> None:
    """It may be a rejected text file."""
    publish(spool, claimed_archive(spool, b"Hello."))
    assert ["NAME"] == tree(spool.archive)


def test_files_that_the_result_does_not_name_are_not_published(spool: Spool) -> None:
    """They are clips of failed segments, temporary files, an old summary, empty folders and links."""
    folder = make_claimed_job(spool)
    out = folder / "out"
    (out / "clips" / "Bob").mkdir()
    (out / "clips" / "Bob" / "001.wav").touch()
    (out / "clips" / "Alice" / "001.wav.tmp").touch()
    (out / "clips" / "Alice" / "002.wav").symlink_to("/etc/passwd")
    (out / "summary.txt").write_text("old")
    result = publish(spool, folder)
    assert [CLIP, "result.json", "summary.txt"] == tree(result)
    assert ["Alice"] == names_in(result / "clips")
    assert "summary" == (result / "summary.txt").read_text()


def test_a_rejected_job_needs_no_clips(spool: Spool) -> None:
    """It needs no out/ folder and no journal either."""
    folder = spool.work / "NAME"
    (folder / "bundle").mkdir(parents=True)
    assert ["result.json", "summary.txt"] == tree(publish(spool, folder, clips=()))


def test_a_job_with_a_missing_clip_is_not_published(spool: Spool) -> None:
    """The error names the clip; the job stays in work/."""
    folder = make_claimed_job(spool)
    (folder / "out" / CLIP).unlink()
    with pytest.raises(SpoolError, match=r"001.wav: was spoken, but is not there any more"):
        publish(spool, folder)
    assert [] == list(spool.outbox.iterdir())
    assert (folder / "bundle").is_dir()


@pytest.mark.parametrize("call", ["write", "append", "sync", "sync_folder", "rename"])
def test_a_failed_publication_can_be_repeated(spool: Spool, call: str) -> None:
    """Nothing is lost, and the job is published once."""
    folder = make_claimed_job(spool)
    disk = FailingDisk(call)
    with pytest.raises(
        SpoolError, match="job NAME: cannot be published: No space left on device; free some space"
    ):
        publish(spool, folder, disk)
    assert spool.outbox / "NAME" == publish(spool, folder, disk)
    assert [f"NAME/{CLIP}", "NAME/result.json", "NAME/summary.txt"] == tree(spool.outbox)
    assert ["NAME/job.toml"] == tree(spool.archive)
    assert [] == list(spool.work.iterdir())


def test_a_job_is_published_although_its_folder_cannot_be_removed(spool: Spool) -> None:
    """The next start removes it; publishing it again would be worse."""
    folder = make_claimed_job(spool)
    assert spool.outbox / "NAME" == publish(spool, folder, FailingDisk("remove_file"))
    assert [folder] == list(spool.work.iterdir())
    assert recover(spool.work)[0].complete
    assert spool.outbox / "NAME" == finish(folder, spool.outbox, spool.archive)
    assert [] == list(spool.work.iterdir())
    assert ["NAME"] == names_in(spool.outbox)


class RecordingDisk(Disk):
    """Records the name of every file or folder that is synced."""

    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync(self, fd: int) -> None:
        self.synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    def sync_folder(self, path: Path) -> None:
        self.synced.append(f"{path.name}/")


def test_each_file_and_folder_is_synced_once_before_it_is_visible(spool: Spool) -> None:
    """They are synced before the journal line, the journal before the rename, the parents after it."""
    disk = RecordingDisk()
    folder = make_claimed_job(spool)
    Journal(folder).append(SPOKEN)
    publish(spool, folder, disk)
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


def test_a_bundle_archived_by_finish_has_the_name_of_its_result(spool: Spool) -> None:
    """The disk failed between the two renames, with a result under a number."""
    (spool.outbox / "NAME").mkdir()
    folder = make_claimed_job(spool)
    with pytest.raises(SpoolError):
        publish(spool, folder, FailingDisk("rename", skip=2))
    assert spool.outbox / "NAME-2" == finish(folder, spool.outbox, spool.archive)
    assert ["NAME-2/job.toml"] == tree(spool.archive)


def test_a_bundle_that_cannot_be_archived_is_an_error_although_its_result_is_published(spool: Spool) -> None:
    """It can then be archived by a retry."""
    folder = make_claimed_job(spool)
    with pytest.raises(SpoolError):
        publish(spool, folder, FailingDisk("rename", skip=1))
    assert (spool.outbox / "NAME").is_dir()
    with pytest.raises(SpoolError, match="job NAME: cannot be published: No space left on device"):
        finish(folder, spool.outbox, spool.archive, FailingDisk("rename"))
    assert spool.outbox / "NAME" == finish(folder, spool.outbox, spool.archive)
    assert ["NAME/job.toml"] == tree(spool.archive)


def test_finish_archives_the_bundle_of_a_published_job(spool: Spool) -> None:
    """A crash came between the two renames."""
    folder = make_claimed_job(spool)
    with Journal(folder) as journal:
        journal.append(PublishLine("NAME"))
    (folder / "out").rename(spool.outbox / "NAME")
    assert recover(spool.work)[0].complete
    assert spool.outbox / "NAME" == finish(folder, spool.outbox, spool.archive)
    assert ["NAME/job.toml"] == tree(spool.archive)
    assert [] == list(spool.work.iterdir())


def test_what_an_assembled_result_was_made_from_is_kept(spool: Spool) -> None:
    """A publish that is cut between the result and it goes on there."""
    folder = make_claimed_job(spool)
    (folder / "final").mkdir()
    request = PublishRequest(folder, FILES, (), tree="final", takes="NAME-1")
    disk = FailingDisk("rename", skip=1)
    (end,) = publish_all([request], spool.outbox, spool.archive, disk=disk, takes=spool.takes)
    assert isinstance(end, SpoolError)
    assert ["result.json", "summary.txt"] == tree(spool.outbox / "NAME")
    finish(folder, spool.outbox, spool.archive, takes=spool.takes)
    assert [f"NAME-1/{CLIP}"] == tree(spool.takes)
    assert ["NAME/job.toml"] == tree(spool.archive)
    assert [] == list(spool.work.iterdir())


def stored_reference(folder: Path) -> Path:
    """A file of ours, outside of the job."""
    folder.mkdir()
    (folder / "stored.wav").write_bytes(b"voice")
    return folder / "stored.wav"


def test_references_are_links_in_the_result(spool: Spool, tmp_path: Path) -> None:
    """They cost no space; one that is gone is left out."""
    stored = stored_reference(tmp_path / "store")
    references = {"references/Ada-1.wav": str(stored), "references/Bob-1.wav": str(tmp_path / "gone.wav")}
    request = PublishRequest(make_claimed_job(spool), FILES, (CLIP,), references=references)
    publish_all([request], spool.outbox, spool.archive)
    assert [CLIP, "references/Ada-1.wav", "result.json", "summary.txt"] == tree(spool.outbox / "NAME")
    assert (spool.outbox / "NAME/references/Ada-1.wav").samefile(stored)


def test_references_of_an_attempt_that_the_disk_refused_are_linked_anew(spool: Spool, tmp_path: Path) -> None:
    """The second attempt finds the first one's link in its way."""
    references = {"references/Ada-1.wav": str(stored_reference(tmp_path / "store"))}
    request = PublishRequest(make_claimed_job(spool), FILES, (CLIP,), references=references)
    (end,) = publish_all([request], spool.outbox, spool.archive, disk=FailingDisk("write"))
    assert isinstance(end, SpoolError)
    assert [spool.outbox / "NAME"] == publish_all([request], spool.outbox, spool.archive)
    assert [CLIP, "references/Ada-1.wav", "result.json", "summary.txt"] == tree(spool.outbox / "NAME")
