"""Syncing journals later: what stands is forced to the disk, and nothing is made anew."""

from __future__ import annotations

from pathlib import Path

from fishd.spool.durable.disk import Disk
from fishd.spool.journal.journal import JOURNAL, CancelledLine, append_to_all, read_journal, sync_all


def test_a_job_that_is_gone_gets_no_journal(tmp_path: Path) -> None:
    """A folder that is just being removed must not be filled again."""
    (tmp_path / "empty").mkdir()
    sync_all([tmp_path / "empty", tmp_path / "gone"], Disk())
    assert [] == list((tmp_path / "empty").iterdir())


def test_what_was_written_without_a_sync_is_synced_later(tmp_path: Path) -> None:
    """The lines stand, and each file is synced once."""
    synced: list[int] = []

    class Watched(Disk):
        def sync(self, fd: int) -> None:
            synced.append(fd)
            super().sync(fd)

    (tmp_path / "job").mkdir()
    append_to_all({tmp_path / "job": [CancelledLine("now")]}, Watched(), sync=False)
    assert [] == synced
    sync_all([tmp_path / "job"], Watched())
    assert 1 == len(synced)
    assert [CancelledLine("now")] == read_journal(tmp_path / "job")[0]
    assert (tmp_path / "job" / JOURNAL).exists()
