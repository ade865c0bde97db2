"""Complete bundles are claimed by one rename each, into their own folders in work/."""

from __future__ import annotations

import os
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.spool.durable.disk import Disk
from fishd.spool.inbox.scan import CompleteBundle
from tests.shell.bundles import write_bundle
from tests.shell.scanned_inbox import ScannedInbox


def test_a_claim_moves_the_bundle_into_work(inbox: ScannedInbox) -> None:
    """The user's files are in a folder below it, apart from the daemon's."""
    write_bundle(inbox.folder / "Folge 1 🎉")
    claims = inbox.scanner.claim([CompleteBundle("Folge 1 🎉")], inbox.now)
    assert ["Folge 1 🎉"] == [claimed.name for claimed in claims.claimed]
    assert (inbox.work / "Folge 1 🎉" / "bundle" / "job.toml").is_file()
    assert [] == list(inbox.folder.iterdir())
    assert claims.fault is None


def test_names_in_work_are_printable_and_unique(inbox: ScannedInbox) -> None:
    """The bundles' names have newlines, bytes that are not UTF-8, or 255 bytes."""
    raw = [os.fsdecode(b"a\xff"), "a\n", "a\t", "n" * 255]
    for name in raw:
        (inbox.folder / name).mkdir()
    claims = inbox.scanner.claim([CompleteBundle(name) for name in raw], inbox.now)
    assert ["a_", "a_-2", "a_-3", "n" * 240] == [claimed.name for claimed in claims.claimed]
    (inbox.folder / "a\n").mkdir()
    assert "a_-4" == inbox.scanner.claim([CompleteBundle("a\n")], inbox.now).claimed[0].name


def test_a_missing_bundle_is_not_claimed(inbox: ScannedInbox) -> None:
    """Nothing is left in work/."""
    claims = inbox.scanner.claim([CompleteBundle("gone")], inbox.now)
    assert ((), ()) == (claims.claimed, claims.stuck)
    assert [] == list(inbox.work.iterdir())


def test_a_stray_file_is_claimed_with_its_faults(inbox: ScannedInbox) -> None:
    """It is then archived, and its report published."""
    (inbox.folder / "x.txt").write_text("x")
    fault = Fault("x.txt", "is a file; drop a folder, an archive of one, or a script")
    claimed = inbox.scanner.claim([CompleteBundle("x.txt", (fault,))], inbox.now).claimed[0]
    assert (fault,) == claimed.faults
    assert "x" == (claimed.folder / "bundle").read_text()


class NoRenameDisk(Disk):
    """Refuses to move files with "bad" in their names."""

    def rename(self, source: Path, target: Path) -> None:
        if "bad" in source.name:
            raise PermissionError(13, "Permission denied", str(source))
        super().rename(source, target)


def test_a_bundle_that_cannot_be_moved_does_not_delay_the_others(tmp_path: Path) -> None:
    """It is retried after growing pauses."""
    inbox = ScannedInbox(tmp_path, NoRenameDisk())
    for name in ("bad", "good"):
        (inbox.folder / name).mkdir()
        (inbox.folder / name / ".ready").touch()
    claims = inbox.scanner.claim(inbox.scanner.scan(inbox.now).found, inbox.now)
    assert ["good"] == [claimed.name for claimed in claims.claimed]
    what = "inbox/bad: cannot be claimed: Permission denied"
    fix = "give the user that fishd runs as the right to write there"
    assert [f"{what}; {fix}"] == [str(stuck.error) for stuck in claims.stuck]
    assert ["good"] == [path.name for path in inbox.work.iterdir()]
    assert 2.0 == inbox.scanner.next_wake(inbox.now)
    assert [] == inbox.scan_after(1.9)
    assert ["bad"] == inbox.scan_after(0.1)
    inbox.scanner.claim([CompleteBundle("bad")], inbox.now)
    assert 4.0 == inbox.scanner.next_wake(inbox.now)


def test_a_file_that_cannot_be_moved_leaves_nothing_in_work(tmp_path: Path) -> None:
    """The record of its ending, which is written before the move, is removed."""
    inbox = ScannedInbox(tmp_path, NoRenameDisk())
    (inbox.folder / "bad.zip").write_text("not a zip")
    claims = inbox.scanner.claim([CompleteBundle("bad.zip")], inbox.now)
    assert 1 == len(claims.stuck)
    assert [] == list(inbox.work.iterdir())


class NoSyncDisk(Disk):
    """Fails to sync folders."""

    def sync_folder(self, path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))


def test_claims_that_cannot_be_synced_are_valid_and_reported(tmp_path: Path) -> None:
    """The bundles are in work/ unless the power fails."""
    inbox = ScannedInbox(tmp_path, NoSyncDisk())
    (inbox.folder / "a").mkdir()
    claims = inbox.scanner.claim([CompleteBundle("a")], inbox.now)
    assert 1 == len(claims.claimed)
    assert "cannot be forced to the disk: Input/output error; the disk is failing" in str(claims.fault)


class CountingDisk(Disk):
    """Counts the syncs of folders."""

    def __init__(self) -> None:
        self.num_syncs = 0

    def sync_folder(self, path: Path) -> None:
        self.num_syncs += 1


def test_a_batch_of_claims_needs_two_syncs(tmp_path: Path) -> None:
    """There are 50 bundles in it."""
    disk = CountingDisk()
    inbox = ScannedInbox(tmp_path, disk)
    for n in range(50):
        (inbox.folder / str(n)).mkdir()
    inbox.scanner.claim([CompleteBundle(str(n)) for n in range(50)], inbox.now)
    assert 2 == disk.num_syncs
