"""The calls that change the spool: renames replace nothing, removals follow no symlink."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fishd.spool.durable.disk import Disk, remove_tree, rename_to_free
from fishd.spool.durable.syscalls import rename_if_free, rename_noreplace
from tests.shell.bundles import names_in


@pytest.mark.parametrize("rename", [rename_noreplace, rename_if_free])
@pytest.mark.parametrize("taken", ["empty folder", "file", "dangling link"])
def test_a_rename_never_replaces(tmp_path: Path, rename: Callable[[Path, Path], None], taken: str) -> None:
    """rename(2) would replace an empty folder."""
    (tmp_path / "source").mkdir()
    match taken:
        case "empty folder":
            (tmp_path / "target").mkdir()
        case "file":
            (tmp_path / "target").touch()
        case _:
            (tmp_path / "target").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "source").is_dir()


@pytest.mark.parametrize("rename", [rename_noreplace, rename_if_free])
def test_a_rename_to_a_free_name_succeeds(tmp_path: Path, rename: Callable[[Path, Path], None]) -> None:
    """It does with renameat2 and without."""
    (tmp_path / "source").mkdir()
    rename(tmp_path / "source", tmp_path / "target")
    assert ["target"] == names_in(tmp_path)


def test_a_rename_of_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """The error has both paths."""
    with pytest.raises(FileNotFoundError) as error:
        rename_noreplace(tmp_path / "gone", tmp_path / "target")
    assert (str(tmp_path / "gone"), str(tmp_path / "target")) == (error.value.filename, error.value.filename2)


def test_the_first_free_name_is_taken(tmp_path: Path) -> None:
    """The names are NAME, NAME-2, NAME-3 and so on; with an ending NAME-2.zip."""
    target = tmp_path / "target"
    for name in ("a", "b", "target", "target/x", "target/x-2", "target/x.zip"):
        (tmp_path / name).mkdir()
    assert target / "x-3" == rename_to_free(Disk(), tmp_path / "a", target, "x")
    assert target / "x-2.zip" == rename_to_free(Disk(), tmp_path / "b", target, "x", ".zip")


def test_a_write_that_cannot_be_synced_leaves_no_file(tmp_path: Path) -> None:
    """The kernel may have dropped its pages, so it must be written again."""

    class NoSyncDisk(Disk):
        def sync(self, fd: int) -> None:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        NoSyncDisk().write(tmp_path / "x", b"content")
    assert [] == names_in(tmp_path)


def test_every_file_and_folder_of_a_tree_is_synced(tmp_path: Path) -> None:
    """Each once, with the name of the folder itself left to the caller."""
    synced: list[str] = []

    class RecordingDisk(Disk):
        def sync(self, fd: int) -> None:
            synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))

        def sync_folder(self, path: Path) -> None:
            synced.append(str(path))

    (tmp_path / "clips" / "A").mkdir(parents=True)
    files = [tmp_path / "mix.flac", tmp_path / "clips" / "A" / "1.wav", tmp_path / "clips" / "A" / "2.wav"]
    for file in files:
        file.write_bytes(b"1")
    RecordingDisk().sync_tree(tmp_path)
    folders = [tmp_path, tmp_path / "clips", tmp_path / "clips" / "A"]
    assert sorted(map(str, files + folders)) == sorted(synced)


def test_a_tree_of_3000_nested_folders_is_removed(tmp_path: Path) -> None:
    """It is deeper than Python's recursion, and longer than a path may be."""
    folder = os.open(tmp_path, os.O_RDONLY)
    os.mkdir("tree", dir_fd=folder)
    for name in ("tree", *["d"] * 3_000):
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
        os.mkdir("d", dir_fd=folder)
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)
    remove_tree(Disk(), tmp_path / "tree")
    assert [] == names_in(tmp_path)


def test_the_removal_of_a_tree_follows_no_symlink(tmp_path: Path) -> None:
    """Their targets are kept; folders without permissions are removed."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "tree" / "locked" / "in").mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "tree" / "locked" / "link").symlink_to(tmp_path / "kept" / "file")
    (tmp_path / "tree" / ".removing-1").mkdir()
    os.mkfifo(tmp_path / "tree" / "fifo")
    (tmp_path / "tree" / "locked").chmod(0)
    remove_tree(Disk(), tmp_path / "tree")
    assert ["kept"] == names_in(tmp_path)
    assert (tmp_path / "kept" / "file").exists()
