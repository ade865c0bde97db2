"""Copies of reference clips: one for each content, there as long as a job needs it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fishd.spool.bundle import reference_store as voices
from fishd.spool.bundle.reference_store import InPlace, ReferenceStore, SideBySide, StoredReference
from fishd.spool.durable.confined_fs import Refused
from fishd.spool.errors import SpoolError

LIMIT_BYTES = 1 << 20


def keep(store: ReferenceStore, job: str, file: Path) -> StoredReference:
    fd = os.open(file, os.O_RDONLY)
    try:
        return store.of(job).keep(file.name, fd, LIMIT_BYTES)
    finally:
        os.close(fd)


def clip(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.fixture
def store(tmp_path: Path) -> ReferenceStore:
    return ReferenceStore(tmp_path / "cache" / "references", most_bytes=10)


def test_equal_clips_are_kept_once(store: ReferenceStore, tmp_path: Path) -> None:
    """Whatever the job, whatever the name; but not under another kind of name, which decoders look at."""
    one = keep(store, "a", clip(tmp_path, "x.wav", b"sound"))
    two = keep(store, "b", clip(tmp_path, "y.wav", b"sound"))
    flac = keep(store, "b", clip(tmp_path, "z.flac", b"sound"))
    assert one == two
    assert one.digest == flac.digest
    assert (".wav", ".flac") == (one.file.suffix, flac.file.suffix)
    assert b"sound" == one.file.read_bytes() == flac.file.read_bytes()
    assert 2 == len(list(one.file.parent.iterdir()))


def test_a_copy_is_the_daemons_own(store: ReferenceStore, tmp_path: Path) -> None:
    """What the owner does to the clip later changes nothing, also when it comes again."""
    path = clip(tmp_path, "x.wav", b"sound")
    kept = keep(store, "a", path)
    path.write_bytes(b"other")
    assert b"sound" == kept.file.read_bytes()
    assert b"other" == keep(store, "a", path).file.read_bytes()


def test_what_no_job_needs_goes_when_room_is_needed_the_longest_unused_first(
    store: ReferenceStore, tmp_path: Path
) -> None:
    """What a job in work needs stays, however much that is."""
    a, b, c = (keep(store, name, clip(tmp_path, f"{name}.wav", name.encode() * 6)) for name in "abc")
    assert [True] * 3 == [kept.file.exists() for kept in (a, b, c)]
    for job in "abc":
        store.release(job)
    keep(store, "d", tmp_path / "a.wav")
    keep(store, "e", clip(tmp_path, "e.wav", b"e" * 6))
    assert [True, False, True] == [kept.file.exists() for kept in (a, b, c)]


def test_a_copy_that_somebody_removed_is_made_again(store: ReferenceStore, tmp_path: Path) -> None:
    """An operator may clear a cache under a running daemon."""
    path = clip(tmp_path, "x.wav", b"sound")
    keep(store, "a", path).file.unlink()
    assert b"sound" == keep(store, "b", path).file.read_bytes()


def test_a_store_begins_empty(tmp_path: Path) -> None:
    """What a power cut has torn is not spoken from."""
    folder = tmp_path / "references"
    folder.mkdir()
    (folder / f"{'0' * 64}.wav").touch()
    ReferenceStore(folder)
    assert [] == list(folder.iterdir())
    assert 0o700 == folder.stat().st_mode & 0o777  # voices are nobody else's business


@pytest.mark.parametrize("suffix", ["", ".", ".w\nv", ".WAV", ".long-one", ".éa"])
def test_a_strangers_name_does_not_come_into_the_cache(
    store: ReferenceStore, tmp_path: Path, suffix: str
) -> None:
    """Nothing of it but a plain ending."""
    kept = keep(store, "a", clip(tmp_path, f"x{suffix}", b"sound"))
    assert (".wav" if suffix == ".WAV" else "") == kept.file.suffix


def test_a_clip_over_the_limit_leaves_nothing(store: ReferenceStore, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"2\.0 MiB long"):
        keep(store, "a", clip(tmp_path, "x.wav", bytes(2 << 20)))
    assert [] == list((tmp_path / "cache" / "references").iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(
    store: ReferenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the spool's fault and not the bundle's: the caller tries again."""

    def full(_fd: int, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = clip(tmp_path, "x.wav", b"sound")
    with monkeypatch.context() as patch:
        patch.setattr(voices, "write_all", full)
        with pytest.raises(SpoolError, match="No space left"):
            keep(store, "a", path)
    assert [] == list((tmp_path / "cache" / "references").iterdir())
    assert b"sound" == keep(store, "a", path).file.read_bytes()


def test_copies_side_by_side_bear_their_own_names(tmp_path: Path) -> None:
    """As a bundle that is dropped again needs them; who only looks makes none."""
    source = tmp_path / "bundle" / "Ada"
    source.mkdir(parents=True)
    fd = os.open(clip(source, "x.wav", b"sound"), os.O_RDONLY)
    copy = SideBySide(tmp_path / "copies").keep("Ada/x.wav", fd, LIMIT_BYTES)
    os.lseek(fd, 0, os.SEEK_SET)
    seen = InPlace(tmp_path / "bundle").keep("Ada/x.wav", fd, LIMIT_BYTES)
    os.close(fd)
    assert tmp_path / "copies" / "Ada" / "x.wav" == copy.file
    assert b"sound" == copy.file.read_bytes()
    assert source / "x.wav" == seen.file
    assert seen.digest == copy.digest
