"""The endings of archives: from the dropped file to the archived one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fishd.spool.endings import bundle_in, ending_by_content, without_ending
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from fishd.spool.outbox.publish import PublishRequest, archived_as, publish_all
from fishd.spool.root import Spool
from tests.shell.archives import tarred, tarred_gz, zipped
from tests.shell.bundles import names_in, write_bundle


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.zip", "a"), ("a.TAR.GZ", "a"), ("a.b.tgz", "a.b"), ("a.tar", "a"), (".zip", ".zip"), ("a", "a")],
)
def test_a_job_has_the_archives_name_without_its_ending(name: str, expected: str) -> None:
    assert expected == without_ending(name)


@pytest.mark.parametrize(("pack", "expected"), [(zipped, ".zip"), (tarred, ".tar"), (tarred_gz, ".tar.gz")])
def test_an_archives_ending_is_detected_from_its_content(
    tmp_path: Path, pack: Callable[[Path, Path], Path], expected: str
) -> None:
    """In work/ its name has none."""
    assert expected == ending_by_content(pack(write_bundle(tmp_path / "source"), tmp_path / "bundle"))


def test_no_ending_is_detected_if_it_is_not_an_archive(tmp_path: Path) -> None:
    """It is a folder, a text, an empty file, a link to an archive, or missing."""
    archive = zipped(write_bundle(tmp_path / "folder"), tmp_path / "archive")
    (tmp_path / "text").write_text("Hello.")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(archive)

    names = ("folder", "text", "empty", "link", "none")
    assert [""] * 5 == [ending_by_content(tmp_path / name) for name in names]


@pytest.mark.parametrize(
    ("name", "is_packed", "expected"),
    [
        ("script.docx", True, "script.docx"),
        ("packed", True, "packed"),
        ("bundle.zip", True, "bundle.zip"),
        ("bundle.TGZ", True, "bundle.tgz"),
        ("text.zip", False, "text.zip"),
        ("text.txt", False, "text.txt"),
    ],
)
def test_a_dropped_file_is_archived_under_its_own_name(
    tmp_path: Path, spool: Spool, name: str, is_packed: bool, expected: str
) -> None:
    """Its content does not matter: a .docx is a zip too, and a .zip may be a text."""
    dropped = spool.inbox / name
    if is_packed:
        zipped(write_bundle(tmp_path / "source"), dropped)
    else:
        dropped.write_text("Hello.")
    content = dropped.read_bytes()
    (claimed,) = Inbox(spool.inbox, spool.work).claim([CompleteBundle(name)], 0.0).claimed
    assert f"archive/{expected}" == archived_as(claimed.folder, spool.outbox, spool.archive)

    publish_all([PublishRequest(claimed.folder, {"result.json": b"{}"}, [])], spool.outbox, spool.archive)

    assert [expected] == names_in(spool.archive)
    assert content == (spool.archive / expected).read_bytes()
    assert [] == names_in(spool.work)


def test_a_jobs_bundle_is_found_with_or_without_an_ending(tmp_path: Path) -> None:
    """The latest of several is found: an older one belongs to a job whose result was removed."""
    assert None is bundle_in(tmp_path, "job")
    for name in ("job.tar", "job", "job.tar.gz", "job-2.zip", "job.txt"):
        (tmp_path / name).touch()
    late = tmp_path / "job.zip"
    (tmp_path / "job.tar").rename(late)
    while (
        late.stat().st_ctime_ns <= (tmp_path / "job.txt").stat().st_ctime_ns
    ):  # the clock of files is coarse
        late = late.rename(tmp_path / "moved").rename(tmp_path / "job.zip")

    assert late == bundle_in(tmp_path, "job")
