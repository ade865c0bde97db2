"""`fishd submit` copies a folder into the inbox."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fishd.cli.drop import drop
from fishd.cli.output import CommandError
from fishd.spool.endings import NEITHER
from fishd.spool.root import FOLDERS, Spool
from tests.shell.bundles import names_in, write_bundle
from tests.shell.cli import WITHOUT_ROOT_RIGHTS, environ

DROP = """
import sys
from pathlib import Path
from fishd.cli.drop import drop
drop(Path(sys.argv[1]), Path(sys.argv[2]))
"""
UNREADABLE = "cannot be copied into the inbox: Permission denied; give yourself permission to read it"


def refusal(bundle: Path, spool: Spool) -> str:
    """The error of a drop that leaves nothing in the inbox."""
    with pytest.raises(CommandError) as caught:
        drop(bundle, spool.root)
    assert [] == names_in(spool.inbox)
    return str(caught.value)


def test_the_copy_is_complete_and_ready(spool: Spool, tmp_path: Path) -> None:
    """It has the same files, and `.ready`."""
    bundle = write_bundle(tmp_path / "job")
    dropped = drop(bundle, spool.root)

    assert ("job", 5) == (dropped.name, dropped.files)
    assert ["job"] == names_in(spool.inbox)
    copied = {path.name: path.read_bytes() for path in (spool.inbox / "job").iterdir()}
    assert {**{p.name: p.read_bytes() for p in bundle.iterdir()}, ".ready": b""} == copied


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_that_is_taken_in_any_folder_of_the_spool_gets_a_number(
    folder: str, spool: Spool, tmp_path: Path
) -> None:
    """The name is then the same from inbox to archive."""
    bundle = write_bundle(tmp_path / "job")
    (spool.root / folder / "job").mkdir()
    (spool.root / folder / "job-2").mkdir()

    assert "job-3" == drop(bundle, spool.root).name


@pytest.mark.parametrize(
    ("name", "dropped"), [(".hidden", "_hidden"), ("a.part", "a"), ("a.tmp.PART", "a"), ("été ♫", "été ♫")]
)
def test_names_that_the_daemon_would_ignore_are_changed(
    name: str, dropped: str, spool: Spool, tmp_path: Path
) -> None:
    """It ignores hidden folders and those of unfinished transfers."""
    assert dropped == drop(write_bundle(tmp_path / name), spool.root).name


def test_symlinks_are_copied_as_symlinks(spool: Spool, tmp_path: Path) -> None:
    """The daemon then refuses them with their place."""
    bundle = write_bundle(tmp_path / "job")
    (bundle / "away").symlink_to("/etc/passwd")
    drop(bundle, spool.root)

    assert "/etc/passwd" == os.readlink(spool.inbox / "job" / "away")  # noqa: PTH115 - the exact target


def test_a_fifo_is_refused_at_once(spool: Spool, tmp_path: Path) -> None:
    """Reading it would block; the files that were copied before are removed."""
    bundle = write_bundle(tmp_path / "job")
    os.mkfifo(bundle / "pipe")

    assert f"{bundle}/pipe: is neither a file nor a folder; take it out of the bundle" == refusal(
        bundle, spool
    )


def test_a_missing_bundle_and_a_file_are_refused(spool: Spool, tmp_path: Path) -> None:
    """For a file in a bundle, the message names the bundle's folder."""
    bundle = write_bundle(tmp_path / "job")

    assert f"{tmp_path}/no: does not exist" == refusal(tmp_path / "no", spool)
    assert f"{bundle}/job.toml: {NEITHER}; give {bundle}" == refusal(bundle / "job.toml", spool)


def test_a_folder_that_holds_the_spool_is_refused(spool: Spool, tmp_path: Path) -> None:
    """The copy would contain itself."""
    assert f"{tmp_path}: contains the spool itself; give the folder of one bundle" == refusal(tmp_path, spool)


def test_a_bundle_in_the_inbox_is_refused(spool: Spool, tmp_path: Path) -> None:
    """It would be spoken twice."""
    inside = spool.inbox / write_bundle(tmp_path / "job").name
    (tmp_path / "job").rename(inside)
    with pytest.raises(CommandError, match="is already in the inbox"):
        drop(inside, spool.root)


def test_a_file_that_cannot_be_read_is_named(spool: Spool, tmp_path: Path) -> None:
    """The message has the fix; nothing of the bundle is left in the inbox."""
    bundle = write_bundle(tmp_path / "job")
    (bundle / "bob.txt").chmod(0)

    assert f"{bundle}/bob.txt: {UNREADABLE}" == unreadable(bundle, spool)


def unreadable(bundle: Path, spool: Spool) -> str:
    """The error of a drop by a user who cannot read the bundle, as root can."""
    ended = subprocess.run(
        [*WITHOUT_ROOT_RIGHTS, sys.executable, "-c", DROP, str(bundle), str(spool.root)],
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert [] == names_in(spool.inbox)
    return ended.stderr.splitlines()[-1].removeprefix("fishd.cli.output.CommandError: ")


def test_a_shared_inbox_lets_the_group_move_the_copy(spool: Spool, tmp_path: Path) -> None:
    """The daemon is another user in that group, and can only move folders that it can write to."""
    spool.inbox.chmod(0o2775)
    bundle = write_bundle(tmp_path / "job")
    bundle.chmod(0o700)
    (bundle / "bob.txt").chmod(0o600)
    drop(bundle, spool.root)

    copy = spool.inbox / "job"
    assert 0o070 == copy.stat().st_mode & 0o070
    assert 0o060 == (copy / "bob.txt").stat().st_mode & 0o060
