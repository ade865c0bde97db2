"""Copies of reference clips: one for each content, for as long as a job uses it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fishd.spool.bundle.reference_store import InPlace, ReferenceStore, SideBySide, StoredReference
from fishd.spool.durable.confined_fs import Refused
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError

LIMIT_BYTES = 1 << 20


def store_clip(store: ReferenceStore, job: str, file: Path) -> StoredReference:
    fd = os.open(file, os.O_RDONLY)
    try:
        return store.of(job).store(file.name, fd, LIMIT_BYTES)
    finally:
        os.close(fd)


def clip(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.fixture
def store(tmp_path: Path) -> ReferenceStore:
    return ReferenceStore(tmp_path / "cache" / "references", max_unused_bytes=10)


def test_equal_clips_are_stored_once(store: ReferenceStore, tmp_path: Path) -> None:
    """Job and name do not matter; another suffix does, because decoders depend on it."""
    one = store_clip(store, "a", clip(tmp_path, "x.wav", b"sound"))
    two = store_clip(store, "b", clip(tmp_path, "y.wav", b"sound"))
    flac = store_clip(store, "b", clip(tmp_path, "z.flac", b"sound"))
    assert one == two
    assert one.digest == flac.digest
    assert (".wav", ".flac") == (one.file.suffix, flac.file.suffix)
    assert b"sound" == one.file.read_bytes() == flac.file.read_bytes()
    assert 2 == len(list(one.file.parent.iterdir()))


def test_a_copy_does_not_change_with_the_clip(store: ReferenceStore, tmp_path: Path) -> None:
    """The clip's owner may change it at any time."""
    path = clip(tmp_path, "x.wav", b"sound")
    stored = store_clip(store, "a", path)
    path.write_bytes(b"other")
    assert b"sound" == stored.file.read_bytes()
    assert b"other" == store_clip(store, "a", path).file.read_bytes()


def test_nobody_may_write_to_a_copy(store: ReferenceStore, tmp_path: Path) -> None:
    """Results have links to it, in folders that users may write to."""
    stored = store_clip(store, "a", clip(tmp_path, "x.wav", b"sound"))
    assert 0o444 == stored.file.stat().st_mode & 0o777


def test_a_copy_is_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    """A result that has a link to it is published without another sync of it."""
    synced: list[bytes] = []

    class SyncedDisk(Disk):
        def sync(self, fd: int) -> None:
            super().sync(fd)
            synced.append(Path(f"/proc/self/fd/{fd}").read_bytes())

    store = ReferenceStore(tmp_path / "references", disk=SyncedDisk())
    store_clip(store, "a", clip(tmp_path, "x.wav", b"sound"))
    assert [b"sound"] == synced


def test_unused_copies_are_removed_over_the_limit_the_least_recently_used_first(
    store: ReferenceStore, tmp_path: Path
) -> None:
    """Copies that a job in work/ uses are kept, whatever their size."""
    a, b, c = (store_clip(store, name, clip(tmp_path, f"{name}.wav", name.encode() * 6)) for name in "abc")
    assert [True] * 3 == [stored.file.exists() for stored in (a, b, c)]
    for job in "abc":
        store.release(job)
    store_clip(store, "d", tmp_path / "a.wav")
    store_clip(store, "e", clip(tmp_path, "e.wav", b"e" * 6))
    assert [True, False, True] == [stored.file.exists() for stored in (a, b, c)]


def test_a_removed_copy_is_created_again(store: ReferenceStore, tmp_path: Path) -> None:
    """An operator may clear the cache of a running daemon."""
    path = clip(tmp_path, "x.wav", b"sound")
    store_clip(store, "a", path).file.unlink()
    assert b"sound" == store_clip(store, "b", path).file.read_bytes()


def test_a_store_starts_empty(tmp_path: Path) -> None:
    """Files of an earlier process may be incomplete after a power cut."""
    folder = tmp_path / "references"
    folder.mkdir()
    (folder / f"{'0' * 64}.wav").touch()
    ReferenceStore(folder)
    assert [] == list(folder.iterdir())
    assert 0o700 == folder.stat().st_mode & 0o777  # voices are private


@pytest.mark.parametrize("suffix", ["", ".", ".w\nv", ".WAV", ".long-one", ".éa"])
def test_only_a_plain_suffix_of_a_clips_name_is_used(
    store: ReferenceStore, tmp_path: Path, suffix: str
) -> None:
    """The name is untrusted."""
    stored = store_clip(store, "a", clip(tmp_path, f"x{suffix}", b"sound"))
    assert (".wav" if suffix == ".WAV" else "") == stored.file.suffix


def test_a_clip_over_the_limit_is_refused_and_leaves_no_file(store: ReferenceStore, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"2\.0 MiB long"):
        store_clip(store, "a", clip(tmp_path, "x.wav", bytes(2 << 20)))
    assert [] == list((tmp_path / "cache" / "references").iterdir())


def test_a_full_disk_is_an_error_of_the_spool_and_leaves_no_file(tmp_path: Path) -> None:
    """The caller retries, and does not reject the bundle."""

    class FullDisk(Disk):
        is_full = True

        def append(self, fd: int, content: bytes) -> None:
            if self.is_full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().append(fd, content)

    disk = FullDisk()
    store = ReferenceStore(tmp_path / "references", disk=disk)
    path = clip(tmp_path, "x.wav", b"sound")
    with pytest.raises(SpoolError, match="No space left"):
        store_clip(store, "a", path)
    assert [] == list((tmp_path / "references").iterdir())
    disk.is_full = False
    assert b"sound" == store_clip(store, "a", path).file.read_bytes()


def test_copies_in_a_folder_have_the_names_of_their_clips(tmp_path: Path) -> None:
    """A bundle that is dropped again needs them; a check uses the clips in place."""
    source = tmp_path / "bundle" / "Ada"
    source.mkdir(parents=True)
    fd = os.open(clip(source, "x.wav", b"sound"), os.O_RDONLY)
    copy = SideBySide(tmp_path / "copies").store("Ada/x.wav", fd, LIMIT_BYTES)
    os.lseek(fd, 0, os.SEEK_SET)
    in_place = InPlace(tmp_path / "bundle").store("Ada/x.wav", fd, LIMIT_BYTES)
    os.close(fd)
    assert tmp_path / "copies" / "Ada" / "x.wav" == copy.file
    assert b"sound" == copy.file.read_bytes()
    assert source / "x.wav" == in_place.file
    assert in_place.digest == copy.digest
