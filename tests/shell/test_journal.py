"""A job's journal: lines are appended, synced, and read back after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.spool.durable.disk import Disk
from fishd.spool.journal.journal import (
    JOURNAL,
    CancelledLine,
    ClaimedLine,
    FailedLine,
    Journal,
    PublishLine,
    append_to_all,
    read_journal,
    sync_all,
)
from fishd.spool.root import Spool
from tests.shell.claimed_job import SPOKEN, make_claimed_job
from tests.shell.failing_disk import FailingDisk


def test_lines_are_read_as_they_were_appended(spool: Spool) -> None:
    """Every kind of line is read, in order."""
    folder = make_claimed_job(spool)
    lines = [
        ClaimedLine("2026-01-01T00:00:00Z"),
        SPOKEN,
        FailedLine(1, "001", "hash", 3, "silence"),
        CancelledLine("2026-01-01T00:00:01Z"),
        PublishLine("NAME"),
    ]
    with Journal(folder) as journal:
        journal.append(lines[0])
        journal.append_many(lines[1:])
    assert (lines, []) == read_journal(folder)


def test_a_torn_last_line_is_dropped_and_overwritten(spool: Spool) -> None:
    """A crash during an append leaves it; no other line is lost."""
    folder = make_claimed_job(spool)
    with Journal(folder) as journal:
        journal.append(SPOKEN)
    whole = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(whole + whole[:20])
    assert ([SPOKEN], []) == read_journal(folder)
    with Journal(folder) as journal:
        journal.append(PublishLine("NAME"))
    assert ([SPOKEN, PublishLine("NAME")], []) == read_journal(folder)


def test_a_corrupt_line_is_a_fault_and_the_others_are_read(spool: Spool) -> None:
    """One is not JSON, one is a record of an unknown kind."""
    folder = make_claimed_job(spool)
    with Journal(folder) as journal:
        journal.append_many([ClaimedLine("t"), SPOKEN])
    (folder / JOURNAL).write_bytes(b"\xff\x00\n" + (folder / JOURNAL).read_bytes() + b'{"is":"sung"}\n')
    lines, faults = read_journal(folder)
    assert [ClaimedLine("t"), SPOKEN] == lines
    assert ["journal.jsonl:1", "journal.jsonl:4"] == [fault.where for fault in faults]
    assert all(fault.what.endswith("; its work is repeated") for fault in faults)


def test_a_line_that_could_not_be_synced_is_removed(spool: Spool) -> None:
    """The kernel may have dropped its pages, and the next sync would succeed nevertheless."""
    folder = make_claimed_job(spool)
    with Journal(folder) as journal:
        journal.append(ClaimedLine("t"))
    journal = Journal(folder, FailingDisk("sync"))
    with pytest.raises(OSError, match="No space"):
        journal.append(SPOKEN)
    assert ([ClaimedLine("t")], []) == read_journal(folder)


def test_lines_of_several_jobs_are_appended_together(spool: Spool) -> None:
    folders = [make_claimed_job(spool, name) for name in ("a", "b")]
    append_to_all({folder: [SPOKEN, CancelledLine(folder.name)] for folder in folders}, Disk())
    assert [[SPOKEN, CancelledLine("a")], [SPOKEN, CancelledLine("b")]] == [
        read_journal(folder)[0] for folder in folders
    ]


def test_lines_of_several_jobs_are_all_removed_if_one_append_fails(spool: Spool) -> None:
    """A retry then writes each line once."""
    folders = [make_claimed_job(spool, name) for name in ("a", "b")]
    with pytest.raises(OSError, match="No space"):
        append_to_all({folder: [SPOKEN] for folder in folders}, FailingDisk("append", skip=1))
    with pytest.raises(OSError, match="No space"):
        append_to_all({folder: [SPOKEN] for folder in folders}, FailingDisk("sync", skip=1))
    assert [[], []] == [read_journal(folder)[0] for folder in folders]
    append_to_all({folder: [SPOKEN] for folder in folders}, Disk())
    assert [[SPOKEN], [SPOKEN]] == [read_journal(folder)[0] for folder in folders]


def test_lines_appended_without_a_sync_are_synced_by_sync_all(tmp_path: Path) -> None:
    """Each file is synced once."""
    synced: list[int] = []

    class RecordingDisk(Disk):
        def sync(self, fd: int) -> None:
            synced.append(fd)
            super().sync(fd)

    (tmp_path / "job").mkdir()
    append_to_all({tmp_path / "job": [CancelledLine("now")]}, RecordingDisk(), sync=False)
    assert [] == synced
    sync_all([tmp_path / "job"], RecordingDisk())
    assert 1 == len(synced)
    assert [CancelledLine("now")] == read_journal(tmp_path / "job")[0]


def test_sync_all_creates_no_journal(tmp_path: Path) -> None:
    """A job's folder may just be being removed."""
    (tmp_path / "empty").mkdir()
    sync_all([tmp_path / "empty", tmp_path / "gone"], Disk())
    assert [] == list((tmp_path / "empty").iterdir())
