"""One syncfs replaces many fsyncs; callers that wait share it and its failure."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fishd.spool.durable.syncfs import MAX_DIRTY_BYTES, SyncfsDisk, dirty_memory_bytes, supports_syncfs
from tests.shell.bundles import names_in


class FakeSyncfs:
    """Counts its calls, waits for `go`, and fails at call number `fails_at`."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails_at = 0
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()

    def __call__(self, fd: int) -> None:
        self.calls += 1
        self.entered.release()
        assert self.go.wait(10)
        if self.calls == self.fails_at:
            raise OSError(5, "Input/output error")


@pytest.fixture
def syncfs() -> FakeSyncfs:
    return FakeSyncfs()


@pytest.fixture
def disk(tmp_path: Path, syncfs: FakeSyncfs) -> SyncfsDisk:
    return SyncfsDisk(tmp_path, syncfs, lambda: 0)


def test_staging_needs_one_sync(tmp_path: Path, disk: SyncfsDisk, syncfs: FakeSyncfs) -> None:
    """The number of files and folders does not matter."""
    disk.stage({tmp_path / "a": b"1", tmp_path / "b": b"2"}, [tmp_path, tmp_path])
    disk.sync_folders([tmp_path] * 3)
    assert 2 == syncfs.calls
    assert (b"1", b"2") == ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes())


def test_a_tree_needs_one_sync(tmp_path: Path, disk: SyncfsDisk, syncfs: FakeSyncfs) -> None:
    """However many files another process has written."""
    for n in range(3):
        (tmp_path / f"{n}").write_bytes(b"1")
    disk.sync_tree(tmp_path)
    assert 1 == syncfs.calls


def test_files_that_could_not_be_synced_are_removed(
    tmp_path: Path, disk: SyncfsDisk, syncfs: FakeSyncfs
) -> None:
    """A retry writes them again."""
    syncfs.fails_at = 1
    with pytest.raises(OSError, match="Input/output error"):
        disk.stage({tmp_path / "a": b"1"}, [tmp_path])
    assert [] == names_in(tmp_path)
    disk.stage({tmp_path / "a": b"1"}, [tmp_path])
    assert ["a"] == names_in(tmp_path)


@pytest.mark.parametrize("is_broken", [False, True])
def test_waiting_callers_share_the_next_sync(
    tmp_path: Path, disk: SyncfsDisk, syncfs: FakeSyncfs, *, is_broken: bool
) -> None:
    """One that is running may not include their files; the next one serves all, or fails for all."""

    def synced() -> bool:
        try:
            disk.sync_folders([tmp_path])
        except OSError:  # the kernel reports a failure only once
            return False
        return True

    syncfs.go.clear()
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(synced)
        assert syncfs.entered.acquire(timeout=10)
        others = [threads.submit(synced) for _ in range(8)]
        while disk.num_requests < 9:
            threading.Event().wait(0.001)
        syncfs.fails_at = 2 if is_broken else 0
        syncfs.go.set()
        assert first.result(10)
        assert [not is_broken] * 8 == [other.result(10) for other in others]
    assert 2 == syncfs.calls


def test_with_much_dirty_memory_each_file_is_synced_alone(tmp_path: Path, syncfs: FakeSyncfs) -> None:
    """syncfs would also write the gigabytes that a user copies."""
    disk = SyncfsDisk(tmp_path, syncfs, lambda: MAX_DIRTY_BYTES + 1)
    disk.stage({tmp_path / "a": b"1"}, [tmp_path])
    disk.sync_folders([tmp_path])
    disk.sync_tree(tmp_path)
    assert 0 == syncfs.calls
    assert ["a"] == names_in(tmp_path)


def test_the_real_syncfs_call_works(tmp_path: Path) -> None:
    """It is called on this machine's file system."""
    disk = SyncfsDisk(tmp_path)
    disk.stage({tmp_path / "a": b"1"}, [tmp_path])
    disk.close()
    assert isinstance(supports_syncfs(tmp_path), bool)
    assert dirty_memory_bytes() >= 0
