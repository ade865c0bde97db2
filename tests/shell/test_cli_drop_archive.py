"""`fishd submit` copies an archive into the inbox."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fishd.cli.drop import drop
from fishd.cli.output import CommandError
from fishd.spool.inbox.scan import Inbox
from fishd.spool.root import Spool
from tests.shell.bundles import names_in, write_bundle
from tests.shell.cli import fishd
from tests.shell.test_cli_drop import UNREADABLE, refusal, unreadable

NEITHER = (
    "is neither a folder, an archive (.tar.gz, .tgz, .tar, .zip) nor a script "
    "(.srt, .vtt, .ass, .ssa, .csv, .tsv, .txt, .md, .fountain, .epub)"
)


def pack(folder: Path, name: str = "job.zip") -> Path:
    """An archive of the good bundle, under this name."""
    source = write_bundle(folder / "source")
    kind = "zip" if name.lower().endswith("zip") else "gztar" if name.lower().endswith("gz") else "tar"
    return Path(shutil.make_archive(str(folder / "packed"), kind, source)).rename(folder / name)


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_the_copy_is_complete_and_keeps_its_ending(spool: Spool, tmp_path: Path, ending: str) -> None:
    """The job's name does not have it."""
    archive = pack(tmp_path, f"Episode 3{ending}")
    dropped = drop(archive, spool.root)

    size = archive.stat().st_size
    assert ("Episode 3", 1, size) == (dropped.name, dropped.files, dropped.size_bytes)
    assert [f"Episode 3{ending}"] == names_in(spool.inbox)
    assert archive.read_bytes() == (spool.inbox / f"Episode 3{ending}").read_bytes()


@pytest.mark.parametrize(
    "taken", ["inbox/job", "inbox/job.zip", "inbox/job.tgz", "work/job", "outbox/job", "archive/job.tar.gz"]
)
def test_a_name_that_is_taken_in_any_folder_of_the_spool_gets_a_number(
    taken: str, spool: Spool, tmp_path: Path
) -> None:
    """A folder and an archive of that name are both jobs of that name."""
    (spool.root / taken).mkdir()
    (spool.archive / "job-2.zip").touch()

    assert "job-3" == drop(pack(tmp_path), spool.root).name
    assert "job-4" == drop(write_bundle(tmp_path / "job"), spool.root).name
    assert {"job-3.zip", "job-4"} <= set(names_in(spool.inbox))


@pytest.mark.parametrize(
    "name",
    ["a.zip", "A.ZIP", "a.zip.zip", "a .zip", "a.part.zip", ".zip", "..zip", "été ♫.tar.gz", "a\nb.tar"],
)
def test_the_reported_name_is_the_jobs(name: str, spool: Spool, tmp_path: Path) -> None:
    """The daemon claims the archive under that name, whatever the archive's own name."""
    dropped = drop(pack(tmp_path, name), spool.root)
    inbox = Inbox(spool.inbox, spool.work, 1.0)
    inbox.scan(0.0)
    found = inbox.scan(5.0).found

    assert [dropped.name] == [one.name for one in inbox.claim(found, 5.0).claimed]


def test_a_folder_with_an_ending_is_a_job_without_it(spool: Spool, tmp_path: Path) -> None:
    assert "job" == drop(write_bundle(tmp_path / "job.zip"), spool.root).name
    assert ["job"] == names_in(spool.inbox)


def test_a_truncated_archive_is_refused(spool: Spool, tmp_path: Path) -> None:
    """The daemon would wait for its end."""
    archive = pack(tmp_path)
    os.truncate(archive, archive.stat().st_size // 2)
    fix = "pack it again, or copy it here again"

    assert f"{archive}: is damaged, or its end is missing; {fix}" == refusal(archive, spool)


def test_a_file_with_only_the_ending_of_an_archive_is_refused(spool: Spool, tmp_path: Path) -> None:
    archive = tmp_path / "job.tar"
    archive.write_text("Dear Sir or Madam," * 100)

    assert f"{archive}: is damaged, or its end is missing (" in refusal(archive, spool)


def test_a_file_that_is_not_an_archive_is_refused(spool: Spool, tmp_path: Path) -> None:
    """The message has the kinds that are accepted."""
    script = tmp_path / "script.docx"
    script.write_text("Hello.")

    assert f"{script}: {NEITHER}" == refusal(script, spool)


def test_a_fifo_with_the_ending_of_an_archive_is_refused_at_once(spool: Spool, tmp_path: Path) -> None:
    """Reading it would block."""
    os.mkfifo(tmp_path / "job.zip")

    assert f"{tmp_path}/job.zip: {NEITHER}" == refusal(tmp_path / "job.zip", spool)


def test_the_archive_behind_a_symlink_is_copied(spool: Spool, tmp_path: Path) -> None:
    """It keeps its own name."""
    archive = pack(tmp_path, "episode-7.zip")
    (tmp_path / "latest").symlink_to(archive)

    assert "episode-7" == drop(tmp_path / "latest", spool.root).name
    copy = spool.inbox / "episode-7.zip"
    assert (False, archive.read_bytes()) == (copy.is_symlink(), copy.read_bytes())


@pytest.mark.parametrize("target", ["nowhere.zip", "job.zip"])
def test_a_symlink_to_a_missing_file_or_to_itself_is_refused(
    target: str, spool: Spool, tmp_path: Path
) -> None:
    (tmp_path / "job.zip").symlink_to(tmp_path / target)

    assert f"{tmp_path}/job.zip: {NEITHER}" == refusal(tmp_path / "job.zip", spool)


def test_an_archive_in_the_inbox_is_refused(spool: Spool, tmp_path: Path) -> None:
    """It would be spoken twice."""
    inside = pack(tmp_path).rename(spool.inbox / "job.zip")
    with pytest.raises(CommandError, match="is already in the inbox; the daemon takes it from there"):
        drop(inside, spool.root)


def test_an_archive_that_cannot_be_read_is_named(spool: Spool, tmp_path: Path) -> None:
    """The message has the fix; nothing is left in the inbox."""
    archive = pack(tmp_path)
    archive.chmod(0)

    assert f"{archive}: {UNREADABLE}" == unreadable(archive, spool)


def test_a_shared_inbox_lets_the_group_read_and_write_the_copy(spool: Spool, tmp_path: Path) -> None:
    """The daemon is another user in that group."""
    (spool.inbox).chmod(0o2775)
    archive = pack(tmp_path)
    archive.chmod(0o600)
    drop(archive, spool.root)

    assert 0o060 == (spool.inbox / "job.zip").stat().st_mode & 0o070


def test_cancel_and_logs_find_a_job_that_is_an_archive_in_the_inbox(spool: Spool, tmp_path: Path) -> None:
    """They are given the name of the job."""
    (tmp_path / "config.toml").write_text(f'[spool]\nroot = "{spool.root}"\n')
    (spool.inbox / "job.tar").touch()
    cancel, logs = (fishd(command, "job", cwd=tmp_path) for command in ("cancel", "logs"))

    where = f"{spool.inbox}/job.tar"
    assert f"fishd: job: is still in the inbox; to withdraw it, move {where} away\n" == cancel.stderr
    assert "fishd: job: is still in the inbox and has no log yet\n" == logs.stderr
