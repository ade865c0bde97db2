"""How `fishd submit` puts a bundle into the inbox."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishd.cli.drop import drop
from fishd.cli.output import CommandError
from fishd.spool.endings import NEITHER
from fishd.spool.root import FOLDERS, make_folders
from tests.shell.bundles import write_bundle

READ = "give yourself permission to read it"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    spool = tmp_path / "spool"
    make_folders(spool)
    return spool


def refusal(bundle: Path, root: Path) -> str:
    with pytest.raises(CommandError) as caught:
        drop(bundle, root)
    assert [] == list((root / "inbox").iterdir())
    return str(caught.value)


def test_the_copy_is_whole_and_ready(root: Path, tmp_path: Path) -> None:
    """The same files, and `.ready`; nothing else is left in the inbox."""
    bundle = write_bundle(tmp_path / "job")
    dropped = drop(bundle, root)

    assert ("job", 5) == (dropped.name, dropped.files)
    assert [root / "inbox" / "job"] == list((root / "inbox").iterdir())
    copied = {path.name: path.read_bytes() for path in (root / "inbox" / "job").iterdir()}
    assert {**{p.name: p.read_bytes() for p in bundle.iterdir()}, ".ready": b""} == copied


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_that_is_taken_anywhere_on_the_way_gets_a_number(
    folder: str, root: Path, tmp_path: Path
) -> None:
    """So that the name is the same from inbox to archive."""
    bundle = write_bundle(tmp_path / "job")
    (root / folder / "job").mkdir()
    (root / folder / "job-2").mkdir()

    assert "job-3" == drop(bundle, root).name


@pytest.mark.parametrize(
    ("name", "dropped"), [(".hidden", "_hidden"), ("a.part", "a"), ("a.tmp.PART", "a"), ("été ♫", "été ♫")]
)
def test_names_that_the_daemon_would_ignore_are_changed(
    name: str, dropped: str, root: Path, tmp_path: Path
) -> None:
    """A hidden folder, or one named like a transfer in progress, is submitted all the same."""
    assert dropped == drop(write_bundle(tmp_path / name), root).name


def test_links_stay_links(root: Path, tmp_path: Path) -> None:
    """Nothing outside the bundle is copied; the daemon refuses the link with its place."""
    bundle = write_bundle(tmp_path / "job")
    (bundle / "away").symlink_to("/etc/passwd")
    drop(bundle, root)

    assert "/etc/passwd" == os.readlink(root / "inbox" / "job" / "away")  # noqa: PTH115 - as it was written


def test_a_fifo_is_refused_at_once(root: Path, tmp_path: Path) -> None:
    """Reading it would block; what was copied before it is removed."""
    bundle = write_bundle(tmp_path / "job")
    os.mkfifo(bundle / "pipe")

    assert f"{bundle}/pipe: is neither a file nor a folder; take it out of the bundle" == refusal(
        bundle, root
    )


def test_what_is_not_a_folder_is_refused(root: Path, tmp_path: Path) -> None:
    """With a hint at the folder to give."""
    bundle = write_bundle(tmp_path / "job")

    assert f"{tmp_path}/no: does not exist" == refusal(tmp_path / "no", root)
    assert f"{bundle}/job.toml: {NEITHER}; give {bundle}" == refusal(bundle / "job.toml", root)


def test_a_folder_that_holds_the_spool_is_refused(root: Path, tmp_path: Path) -> None:
    """It would copy itself without end."""
    assert f"{tmp_path}: contains the spool itself; give the folder of one bundle" == refusal(tmp_path, root)


def test_what_is_in_the_inbox_already_is_refused(root: Path, tmp_path: Path) -> None:
    """It would be spoken twice."""
    inside = root / "inbox" / write_bundle(tmp_path / "job").name
    (tmp_path / "job").rename(inside)
    with pytest.raises(CommandError, match="is already in the inbox"):
        drop(inside, root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(root: Path, tmp_path: Path) -> None:
    """And nothing of the bundle is left in the inbox."""
    bundle = write_bundle(tmp_path / "job")
    (bundle / "bob.txt").chmod(0)

    assert f"bob.txt: cannot be copied into the inbox: Permission denied; {READ}" in refusal(bundle, root)


def test_a_shared_inbox_lets_the_group_move_the_copy(root: Path, tmp_path: Path) -> None:
    """The daemon is another user of that group, and can only move a folder that it may write to."""
    (root / "inbox").chmod(0o2775)
    bundle = write_bundle(tmp_path / "job")
    bundle.chmod(0o700)
    (bundle / "bob.txt").chmod(0o600)
    drop(bundle, root)

    copy = root / "inbox" / "job"
    assert 0o070 == copy.stat().st_mode & 0o070
    assert 0o060 == (copy / "bob.txt").stat().st_mode & 0o060
