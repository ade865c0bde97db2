"""A bundle is found when it is complete, not sooner, and claimed by one rename. Time is passed in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError
from fishd.spool.inbox.scan import CompleteBundle, Inbox
from tests.shell.bundles import one_speaker, write_bundle, write_convention

SETTLE_S, TIMEOUT_S = 2.0, 300.0


class Place:
    """An inbox with its folders, and a clock that the test advances."""

    def __init__(self, root: Path, disk: Disk | None = None, limits: Limits | None = None) -> None:
        self.inbox, self.work = root / "inbox", root / "work"
        self.inbox.mkdir()
        self.work.mkdir()
        self.now = 1_000.0
        self.scanner = Inbox(self.inbox, self.work, SETTLE_S, TIMEOUT_S, disk=disk, limits=limits)

    def scan_after(self, seconds: float) -> list[str]:
        """Advance the clock and scan; the names that are found."""
        self.now += seconds
        return sorted(found.name for found in self.scanner.scan(self.now).found)

    def faults_after(self, seconds: float) -> list[str]:
        """Advance the clock and scan; all faults of what is found."""
        self.now += seconds
        return [str(fault) for found in self.scanner.scan(self.now).found for fault in found.faults]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_bundle_with_a_ready_file_is_found_at_once(place: Place) -> None:
    """Whatever else is in it: the user said that it is complete."""
    (place.inbox / "a").mkdir()
    (place.inbox / "a" / ".ready").touch()
    assert ["a"] == place.scan_after(0)


def test_a_ready_file_ends_the_settling(place: Place) -> None:
    """It is checked at every scan, not only when the bundle is due."""
    write_bundle(place.inbox / "a")
    assert [] == place.scan_after(0)
    (place.inbox / "a" / ".ready").touch()
    assert ["a"] == place.scan_after(0.01)


@pytest.mark.parametrize("write", [write_bundle, write_convention])
def test_a_complete_bundle_is_found_when_it_has_settled(place: Place, write) -> None:
    """Two seconds after the first scan, in both forms."""
    write(place.inbox / "a")
    assert [] == place.scan_after(0)
    assert [] == place.scan_after(1.9)
    assert ["a"] == place.scan_after(0.1)


@pytest.mark.parametrize("change", ["a new file", "a growing file", "a renamed file", "a touched file"])
def test_any_change_in_the_tree_restarts_the_settling(place: Place, change: str) -> None:
    """Of names, sizes and mtimes, at any depth."""
    folder = write_bundle(place.inbox / "a") / "deep"
    folder.mkdir()
    (folder / "x").touch()
    place.scan_after(0)
    match change:
        case "a new file":
            (folder / "y").touch()
        case "a growing file":
            (folder / "x").write_text("more")
        case "a renamed file":
            (folder / "x").rename(folder / "y")
        case _:
            os.utime(folder / "x", (0, 0))
    assert [] == place.scan_after(2)
    assert [] == place.scan_after(1.9)
    assert ["a"] == place.scan_after(0.1)


def test_a_bundle_copied_for_ten_seconds_is_found_complete(place: Place) -> None:
    """The manifest comes first and names files that come late; pauses are longer than settle_s."""
    (place.inbox / "a").mkdir()
    (place.inbox / "a" / "job.toml").write_text(one_speaker(transcript="", transcript_file='"bob.txt"'))
    assert [] == place.scan_after(0)
    for step in range(5):
        assert [] == place.scan_after(2.5)
        with (place.inbox / "a" / "alice.wav.part").open("ab") as part:
            part.write(b"x" * step)
    (place.inbox / "a" / "alice.wav.part").rename(place.inbox / "a" / "alice.wav")
    assert [] == place.scan_after(2.5)
    assert [] == place.scan_after(100)
    (place.inbox / "a" / "bob.txt").write_text("What Alice says.")
    assert [] == place.scan_after(1)
    assert ["a"] == place.scan_after(2)


INCOMPLETE = {
    "a missing reference": (
        {"alice_wav": None},
        ["speakers[0].reference: alice.wav is missing", "bundle: stayed incomplete for 300 s"],
    ),
    "a missing text": (
        {"bob_txt": None, "bob_lines_txt": None},
        [
            "speakers[1].transcript_file: bob.txt is missing",
            "speakers[1].segments_file: bob_lines.txt is missing",
            "bundle: stayed incomplete for 300 s",
        ],
    ),
    "half a manifest": (
        {"manifest": 'title = "Episode 3"\n[[spea'},
        [
            "job.toml:2:7: is not valid TOML: expected ']]' at the end of an array declaration",
            "bundle: stayed incomplete for 300 s",
        ],
    ),
}


@pytest.mark.parametrize(("files", "expected"), INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_what_stays_incomplete_is_rejected_with_what_it_lacks(
    place: Place, files: dict[str, str | None], expected: list[str]
) -> None:
    """After settle_timeout_s since the last change, and not before."""
    write_bundle(place.inbox / "a", **files)
    assert [] == place.scan_after(0)
    assert [] == place.scan_after(2)
    assert [] == place.scan_after(297.9)
    assert expected == place.faults_after(0.1)


def test_an_empty_folder_is_rejected_after_the_timeout(place: Place) -> None:
    """Until then it may become a bundle."""
    (place.inbox / "a").mkdir()
    place.scan_after(0)
    assert [
        "job.toml: is missing: the folder is empty",
        "bundle: stayed incomplete for 300 s",
    ] == place.faults_after(300)


def test_a_bad_but_complete_bundle_is_found_like_a_good_one(place: Place) -> None:
    """Waiting would not fix it; its reader reports the faults."""
    write_bundle(place.inbox / "a", one_speaker(segments='[{ text = "" }]', reference='"../x.wav"'))
    place.scan_after(0)
    assert ["a"] == place.scan_after(2)


@pytest.mark.parametrize("name", [".hidden", "a.part", "a.partial", "a.tmp", "a.FILEPART", "a.crdownload"])
def test_names_of_unfinished_transfers_are_ignored(place: Place, name: str) -> None:
    """Even with a ready file."""
    write_bundle(place.inbox / name)
    (place.inbox / name / ".ready").touch()
    assert [] == place.scan_after(0)
    assert [] == place.scan_after(1_000)
    assert place.scanner.next_wake(place.now) is None


@pytest.mark.parametrize("kind", ["a file", "a symlink", "a special file"])
def test_what_is_not_a_folder_is_rejected_after_the_timeout(place: Place, kind: str) -> None:
    """A symlink is not followed, a FIFO not opened."""
    stray = place.inbox / "stray"
    match kind:
        case "a file":
            stray.write_text("x")
        case "a symlink":
            stray.symlink_to(write_bundle(place.inbox.parent / "elsewhere"))
        case _:
            os.mkfifo(stray)
    assert [] == place.faults_after(0)
    assert [] == place.faults_after(299)
    assert [
        f"stray: is {kind}, not a folder; drop a folder, or an archive of one",
        "bundle: stayed incomplete for 300 s",
    ] == place.faults_after(1)


def test_a_bundle_over_the_limits_is_rejected_when_it_has_settled(tmp_path: Path) -> None:
    """Waiting would not make it smaller."""
    place = Place(tmp_path, limits=Limits(max_files=2))
    write_bundle(place.inbox / "a")
    place.scan_after(0)
    assert ["bundle: holds more than 2 files"] == place.faults_after(2)


def test_a_bundle_removed_while_it_settles_is_forgotten(place: Place) -> None:
    """A later one of the same name settles from the beginning."""
    folder = write_bundle(place.inbox / "a")
    place.scan_after(0)
    folder.rename(place.inbox.parent / "away")
    assert [] == place.scan_after(1)
    assert place.scanner.next_wake(place.now) is None
    (place.inbox.parent / "away").rename(folder)
    assert [] == place.scan_after(1.5)
    assert ["a"] == place.scan_after(2)


def test_the_next_wake_is_when_a_bundle_may_be_complete(place: Place) -> None:
    """A quarter of settle_s while few settle; at the timeout at the latest; none if nothing settles."""
    assert place.scanner.next_wake(place.now) is None
    (place.inbox / "a").mkdir()
    place.scan_after(0)
    assert 0.5 == place.scanner.next_wake(place.now)
    place.scan_after(1.8)
    assert pytest.approx(0.2) == place.scanner.next_wake(place.now)
    place.scan_after(298)
    assert pytest.approx(0.2) == place.scanner.next_wake(place.now)


def test_many_settling_bundles_are_checked_less_often(place: Place) -> None:
    """So that thousands cost no more than a hundred; all are still found in time."""
    for n in range(400):
        (place.inbox / str(n)).mkdir()
    place.scan_after(0)
    assert 2.0 == place.scanner.next_wake(place.now)
    place.scan_after(2.5)
    assert 2.0 == place.scanner.next_wake(place.now)


def test_new_times_apply_from_the_next_scan(place: Place) -> None:
    """As after a reload."""
    write_bundle(place.inbox / "a")
    place.scan_after(0)
    place.scanner.settle(0.5, 10, Limits())
    assert ["a"] == place.scan_after(0.5)


def test_without_settling_time_a_complete_bundle_is_found_at_once(tmp_path: Path) -> None:
    """settle_s = 0 trusts the user."""
    place = Place(tmp_path)
    place.scanner.settle(0, 0, Limits())
    write_bundle(place.inbox / "a")
    assert ["a"] == place.scan_after(0)


def test_new_limits_apply_to_what_already_settles(place: Place) -> None:
    """As after a reload: a manifest that was too large is read again, without a change in the bundle."""
    place.scanner.settle(SETTLE_S, TIMEOUT_S, Limits(manifest_bytes=10))
    write_bundle(place.inbox / "a")
    assert [] == place.scan_after(0) + place.scan_after(SETTLE_S) + place.scan_after(1)
    place.scanner.settle(SETTLE_S, TIMEOUT_S, Limits())
    assert ["a"] == place.scan_after(1) + place.scan_after(SETTLE_S)


def test_a_replaced_inbox_is_scanned_like_the_old_one(place: Place) -> None:
    place.scan_after(0)
    place.inbox.rename(place.inbox.parent / "old")
    place.inbox.mkdir()
    (place.inbox / "a").mkdir()
    (place.inbox / "a" / ".ready").touch()
    assert ["a"] == place.scan_after(0)


def test_a_missing_inbox_is_an_error_with_its_fix(place: Place) -> None:
    """The daemon reports it and scans again later."""
    place.inbox.rmdir()
    with pytest.raises(
        SpoolError, match="cannot be read: No such file or directory; create the folder again"
    ):
        place.scanner.scan(place.now)
    place.inbox.mkdir()
    assert [] == place.scan_after(1)


def test_a_claim_moves_the_bundle_into_work(place: Place) -> None:
    """The user's files are in a folder of their own, never mixed with ours."""
    write_bundle(place.inbox / "Folge 1 🎉")
    claims = place.scanner.claim([CompleteBundle("Folge 1 🎉")], place.now)
    assert ["Folge 1 🎉"] == [claimed.name for claimed in claims.claimed]
    assert (place.work / "Folge 1 🎉" / "bundle" / "job.toml").is_file()
    assert [] == list(place.inbox.iterdir())
    assert claims.fault is None


def test_names_in_work_are_safe_and_never_shared(place: Place) -> None:
    """With newlines, bytes that are not UTF-8, 255 bytes; a second bundle of one name gets a number."""
    raw = [os.fsdecode(b"a\xff"), "a\n", "a\t", "n" * 255]
    for name in raw:
        (place.inbox / name).mkdir()
    claims = place.scanner.claim([CompleteBundle(name) for name in raw], place.now)
    assert ["a_", "a_-2", "a_-3", "n" * 240] == [claimed.name for claimed in claims.claimed]
    (place.inbox / "a\n").mkdir()
    assert "a_-4" == place.scanner.claim([CompleteBundle("a\n")], place.now).claimed[0].name


def test_a_claim_of_a_missing_bundle_is_left_out(place: Place) -> None:
    """And leaves nothing in work/."""
    claims = place.scanner.claim([CompleteBundle("gone")], place.now)
    assert ((), ()) == (claims.claimed, claims.stuck)
    assert [] == list(place.work.iterdir())


def test_a_stray_file_is_claimed_with_its_faults(place: Place) -> None:
    """So that the user finds it in the archive, and its report in the outbox."""
    (place.inbox / "x.txt").write_text("x")
    fault = Fault("x.txt", "is a file, not a folder; drop a folder, or an archive of one")
    claimed = place.scanner.claim([CompleteBundle("x.txt", (fault,))], place.now).claimed[0]
    assert (fault,) == claimed.faults
    assert "x" == (claimed.folder / "bundle").read_text()


class NoRename(Disk):
    """A disk that refuses to move what has "bad" in its name."""

    def rename(self, source: Path, target: Path) -> None:
        if "bad" in source.name:
            raise PermissionError(13, "Permission denied", str(source))
        super().rename(source, target)


def test_a_bundle_that_cannot_be_moved_does_not_stop_the_others(tmp_path: Path) -> None:
    """It stays, and is tried again after growing pauses."""
    place = Place(tmp_path, NoRename())
    for name in ("bad", "good"):
        (place.inbox / name).mkdir()
        (place.inbox / name / ".ready").touch()
    claims = place.scanner.claim(place.scanner.scan(place.now).found, place.now)
    assert ["good"] == [claimed.name for claimed in claims.claimed]
    what = "inbox/bad: cannot be claimed: Permission denied"
    fix = "give the user that fishd runs as the right to write there"
    assert [f"{what}; {fix}"] == [str(stuck.error) for stuck in claims.stuck]
    assert ["good"] == [path.name for path in place.work.iterdir()]
    assert 2.0 == place.scanner.next_wake(place.now)
    assert [] == place.scan_after(1.9)
    assert ["bad"] == place.scan_after(0.1)
    place.scanner.claim([CompleteBundle("bad")], place.now)
    assert 4.0 == place.scanner.next_wake(place.now)


def test_a_file_that_cannot_be_moved_leaves_nothing_in_work(tmp_path: Path) -> None:
    """Not even the note of its ending, which is written before the move."""
    place = Place(tmp_path, NoRename())
    (place.inbox / "bad.zip").write_text("not a zip")
    claims = place.scanner.claim([CompleteBundle("bad.zip")], place.now)
    assert 1 == len(claims.stuck)
    assert [] == list(place.work.iterdir())


class NoSync(Disk):
    """A disk whose folders cannot be synced."""

    def sync_folder(self, path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))


def test_claims_that_cannot_be_synced_are_valid_and_reported(tmp_path: Path) -> None:
    """The bundles are in work/; only a power cut could undo that."""
    place = Place(tmp_path, NoSync())
    (place.inbox / "a").mkdir()
    claims = place.scanner.claim([CompleteBundle("a")], place.now)
    assert 1 == len(claims.claimed)
    assert "cannot be forced to the disk: Input/output error; the disk is failing" in str(claims.fault)


class Counting(Disk):
    """Counts syncs of folders."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync_folder(self, path: Path) -> None:
        self.syncs += 1


def test_a_batch_of_claims_costs_two_syncs(tmp_path: Path) -> None:
    """However many bundles come at once."""
    disk = Counting()
    place = Place(tmp_path, disk)
    for n in range(50):
        (place.inbox / str(n)).mkdir()
    place.scanner.claim([CompleteBundle(str(n)) for n in range(50)], place.now)
    assert 2 == disk.syncs
