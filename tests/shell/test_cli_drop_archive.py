"""How `fishd submit` puts an archive into the inbox."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fishd.cli.drop import drop
from fishd.cli.output import CommandError
from fishd.spool.inbox.scan import Inbox
from fishd.spool.root import make_folders
from tests.shell.bundles import names_in, write_bundle
from tests.shell.cli import fishd

NEITHER = (
    "is neither a folder, an archive (.tar.gz, .tgz, .tar, .zip) nor a script "
    "(.srt, .vtt, .ass, .ssa, .csv, .tsv, .txt, .md, .fountain, .epub)"
)
READ = "give yourself permission to read it"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    spool = tmp_path / "spool"
    make_folders(spool)
    return spool


def pack(folder: Path, name: str = "job.zip") -> Path:
    """The good bundle under this name."""
    source = write_bundle(folder / "source")
    kind = "zip" if name.lower().endswith("zip") else "gztar" if name.lower().endswith("gz") else "tar"
    return Path(shutil.make_archive(str(folder / "packed"), kind, source)).rename(folder / name)


def refusal(bundle: Path, root: Path) -> str:
    with pytest.raises(CommandError) as caught:
        drop(bundle, root)
    assert [] == names_in(root / "inbox")
    return str(caught.value)


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_the_copy_is_whole_and_keeps_its_ending(root: Path, tmp_path: Path, ending: str) -> None:
    """The job is named without it; nothing else is left in the inbox."""
    archive = pack(tmp_path, f"Episode 3{ending}")
    dropped = drop(archive, root)

    size = archive.stat().st_size
    assert ("Episode 3", 1, size) == (dropped.name, dropped.files, dropped.size_bytes)
    assert [f"Episode 3{ending}"] == names_in(root / "inbox")
    assert archive.read_bytes() == (root / "inbox" / f"Episode 3{ending}").read_bytes()


@pytest.mark.parametrize(
    "taken", ["inbox/job", "inbox/job.zip", "inbox/job.tgz", "work/job", "outbox/job", "archive/job.tar.gz"]
)
def test_a_name_that_is_taken_anywhere_on_the_way_gets_a_number(
    taken: str, root: Path, tmp_path: Path
) -> None:
    """By a folder or by an archive: both would be jobs of that name."""
    (root / taken).mkdir()
    (root / "archive" / "job-2.zip").touch()

    assert "job-3" == drop(pack(tmp_path), root).name
    assert "job-4" == drop(write_bundle(tmp_path / "job"), root).name
    assert {"job-3.zip", "job-4"} <= set(names_in(root / "inbox"))


@pytest.mark.parametrize(
    "name",
    ["a.zip", "A.ZIP", "a.zip.zip", "a .zip", "a.part.zip", ".zip", "..zip", "été ♫.tar.gz", "a\nb.tar"],
)
def test_the_reported_name_is_the_jobs(name: str, root: Path, tmp_path: Path) -> None:
    """Whatever the archive is called, the daemon finds it and claims it under that name."""
    dropped = drop(pack(tmp_path, name), root)
    inbox = Inbox(root / "inbox", root / "work", 1.0)
    inbox.scan(0.0)
    found = inbox.scan(5.0).found

    assert [dropped.name] == [one.name for one in inbox.claim(found, 5.0).claimed]


def test_a_folder_with_an_archives_name_is_a_job_without_the_ending(root: Path, tmp_path: Path) -> None:
    """As the daemon names it."""
    assert "job" == drop(write_bundle(tmp_path / "job.zip"), root).name
    assert ["job"] == names_in(root / "inbox")


def test_a_truncated_archive_is_refused(root: Path, tmp_path: Path) -> None:
    """The daemon would wait for the rest."""
    archive = pack(tmp_path)
    os.truncate(archive, archive.stat().st_size // 2)
    fix = "pack it again, or copy it here again"

    assert f"{archive}: is damaged, or its end is missing; {fix}" == refusal(archive, root)


def test_a_file_that_only_has_an_archives_name_is_refused(root: Path, tmp_path: Path) -> None:
    """Its content decides."""
    archive = tmp_path / "job.tar"
    archive.write_text("Dear Sir or Madam," * 100)

    assert f"{archive}: is damaged, or its end is missing (" in refusal(archive, root)


def test_a_file_that_is_no_archive_is_refused(root: Path, tmp_path: Path) -> None:
    """With what is accepted."""
    script = tmp_path / "script.docx"
    script.write_text("Hello.")

    assert f"{script}: {NEITHER}" == refusal(script, root)


def test_a_fifo_with_an_archives_name_is_refused_at_once(root: Path, tmp_path: Path) -> None:
    """Reading it would block."""
    os.mkfifo(tmp_path / "job.zip")

    assert f"{tmp_path}/job.zip: {NEITHER}" == refusal(tmp_path / "job.zip", root)


def test_a_link_to_an_archive_is_the_archive(root: Path, tmp_path: Path) -> None:
    """Its target is copied, under the target's name."""
    archive = pack(tmp_path, "episode-7.zip")
    (tmp_path / "latest").symlink_to(archive)

    assert "episode-7" == drop(tmp_path / "latest", root).name
    copy = root / "inbox" / "episode-7.zip"
    assert (False, archive.read_bytes()) == (copy.is_symlink(), copy.read_bytes())


@pytest.mark.parametrize("target", ["nowhere.zip", "job.zip"])
def test_a_link_to_nowhere_or_to_itself_is_refused(target: str, root: Path, tmp_path: Path) -> None:
    """A loop of links is not followed."""
    (tmp_path / "job.zip").symlink_to(tmp_path / target)

    assert f"{tmp_path}/job.zip: {NEITHER}" == refusal(tmp_path / "job.zip", root)


def test_an_archive_in_the_inbox_is_not_dropped_again(root: Path, tmp_path: Path) -> None:
    """It would be spoken twice."""
    inside = pack(tmp_path).rename(root / "inbox" / "job.zip")
    with pytest.raises(CommandError, match="is already in the inbox; the daemon takes it from there"):
        drop(inside, root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_archive_that_may_not_be_read_is_named(root: Path, tmp_path: Path) -> None:
    """And nothing is left in the inbox."""
    archive = pack(tmp_path)
    archive.chmod(0)

    assert f"{archive}: cannot be copied into the inbox: Permission denied; {READ}" in refusal(archive, root)


def test_a_shared_inbox_lets_the_group_read_and_write_the_copy(root: Path, tmp_path: Path) -> None:
    """The daemon is another user of that group."""
    (root / "inbox").chmod(0o2775)
    archive = pack(tmp_path)
    archive.chmod(0o600)
    drop(archive, root)

    assert 0o060 == (root / "inbox" / "job.zip").stat().st_mode & 0o070


def test_commands_know_a_job_that_is_still_an_archive_in_the_inbox(root: Path, tmp_path: Path) -> None:
    """By the job's name."""
    (tmp_path / "config.toml").write_text(f'[spool]\nroot = "{root}"\n')
    (root / "inbox" / "job.tar").touch()
    cancel, logs = (fishd(command, "job", cwd=tmp_path) for command in ("cancel", "logs"))

    where = f"{root}/inbox/job.tar"
    assert f"fishd: job: is still in the inbox; to withdraw it, move {where} away\n" == cancel.stderr
    assert "fishd: job: is still in the inbox and has no log yet\n" == logs.stderr
