"""The scan finds a bundle when it is complete, and not earlier."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishd.core.model.limits import Limits
from fishd.spool.errors import SpoolError
from tests.shell.bundles import one_speaker, write_bundle, write_convention
from tests.shell.scanned_inbox import SETTLE_S, TIMEOUT_S, ScannedInbox


def test_a_bundle_with_a_ready_file_is_found_at_once(inbox: ScannedInbox) -> None:
    """Whatever else is in it: `.ready` declares it complete."""
    (inbox.folder / "a").mkdir()
    (inbox.folder / "a" / ".ready").touch()
    assert ["a"] == inbox.scan_after(0)


def test_a_ready_file_in_a_settling_bundle_is_found_at_the_next_scan(inbox: ScannedInbox) -> None:
    """The bundle need not have settled."""
    write_bundle(inbox.folder / "a")
    assert [] == inbox.scan_after(0)
    (inbox.folder / "a" / ".ready").touch()
    assert ["a"] == inbox.scan_after(0.01)


@pytest.mark.parametrize("write", [write_bundle, write_convention])
def test_a_complete_bundle_is_found_when_it_has_settled(inbox: ScannedInbox, write) -> None:
    """It is found settle_s after the first scan, in both forms."""
    write(inbox.folder / "a")
    assert [] == inbox.scan_after(0)
    assert [] == inbox.scan_after(1.9)
    assert ["a"] == inbox.scan_after(0.1)


@pytest.mark.parametrize("change", ["a new file", "a growing file", "a renamed file", "a touched file"])
def test_any_change_in_the_tree_restarts_the_settling(inbox: ScannedInbox, change: str) -> None:
    """Names, sizes and mtimes count, also in a sub-folder."""
    folder = write_bundle(inbox.folder / "a") / "deep"
    folder.mkdir()
    (folder / "x").touch()
    inbox.scan_after(0)
    match change:
        case "a new file":
            (folder / "y").touch()
        case "a growing file":
            (folder / "x").write_text("more")
        case "a renamed file":
            (folder / "x").rename(folder / "y")
        case _:
            os.utime(folder / "x", (0, 0))
    assert [] == inbox.scan_after(2)
    assert [] == inbox.scan_after(1.9)
    assert ["a"] == inbox.scan_after(0.1)


def test_a_bundle_copied_for_ten_seconds_is_found_complete(inbox: ScannedInbox) -> None:
    """Its files arrive after the manifest that names them, at intervals longer than settle_s."""
    (inbox.folder / "a").mkdir()
    (inbox.folder / "a" / "job.toml").write_text(one_speaker(transcript="", transcript_file='"bob.txt"'))
    assert [] == inbox.scan_after(0)
    for step in range(5):
        assert [] == inbox.scan_after(2.5)
        with (inbox.folder / "a" / "alice.wav.part").open("ab") as part:
            part.write(b"x" * step)
    (inbox.folder / "a" / "alice.wav.part").rename(inbox.folder / "a" / "alice.wav")
    assert [] == inbox.scan_after(2.5)
    assert [] == inbox.scan_after(100)
    (inbox.folder / "a" / "bob.txt").write_text("What Alice says.")
    assert [] == inbox.scan_after(1)
    assert ["a"] == inbox.scan_after(2)


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
def test_a_bundle_that_stays_incomplete_is_rejected_with_what_is_missing(
    inbox: ScannedInbox, files: dict[str, str | None], expected: list[str]
) -> None:
    """It is rejected settle_timeout_s after the last change, and not earlier."""
    write_bundle(inbox.folder / "a", **files)
    assert [] == inbox.scan_after(0)
    assert [] == inbox.scan_after(2)
    assert [] == inbox.scan_after(297.9)
    assert expected == inbox.faults_after(0.1)


def test_an_empty_folder_is_rejected_after_the_timeout(inbox: ScannedInbox) -> None:
    """Until then files may be copied into it."""
    (inbox.folder / "a").mkdir()
    inbox.scan_after(0)
    assert [
        "job.toml: is missing: the folder is empty",
        "bundle: stayed incomplete for 300 s",
    ] == inbox.faults_after(300)


def test_a_complete_bundle_with_faults_is_found_when_it_has_settled(inbox: ScannedInbox) -> None:
    """Waiting longer would not fix them; its reader reports them."""
    write_bundle(inbox.folder / "a", one_speaker(segments='[{ text = "" }]', reference='"../x.wav"'))
    inbox.scan_after(0)
    assert ["a"] == inbox.scan_after(2)


@pytest.mark.parametrize("name", [".hidden", "a.part", "a.partial", "a.tmp", "a.FILEPART", "a.crdownload"])
def test_names_of_unfinished_transfers_are_ignored(inbox: ScannedInbox, name: str) -> None:
    """They are ignored even with `.ready`."""
    write_bundle(inbox.folder / name)
    (inbox.folder / name / ".ready").touch()
    assert [] == inbox.scan_after(0)
    assert [] == inbox.scan_after(1_000)
    assert inbox.scanner.next_wake(inbox.now) is None


@pytest.mark.parametrize("kind", ["a file", "a symlink", "a special file"])
def test_anything_but_a_folder_or_an_archive_is_rejected_after_the_timeout(
    inbox: ScannedInbox, kind: str
) -> None:
    """A symlink is not followed, a FIFO not opened."""
    stray = inbox.folder / "stray"
    match kind:
        case "a file":
            stray.write_text("x")
        case "a symlink":
            stray.symlink_to(write_bundle(inbox.folder.parent / "elsewhere"))
        case _:
            os.mkfifo(stray)
    assert [] == inbox.faults_after(0)
    assert [] == inbox.faults_after(299)
    assert [
        f"stray: is {kind}; drop a folder, an archive of one, or a script",
        "bundle: stayed incomplete for 300 s",
    ] == inbox.faults_after(1)


def test_a_bundle_over_a_limit_is_rejected_when_it_has_settled(tmp_path: Path) -> None:
    """It does not wait for the timeout."""
    inbox = ScannedInbox(tmp_path, limits=Limits(max_files=2))
    write_bundle(inbox.folder / "a")
    inbox.scan_after(0)
    assert ["bundle: holds more than 2 files"] == inbox.faults_after(2)


def test_a_bundle_removed_while_it_settles_is_forgotten(inbox: ScannedInbox) -> None:
    """A later one of the same name settles from the beginning."""
    folder = write_bundle(inbox.folder / "a")
    inbox.scan_after(0)
    folder.rename(inbox.folder.parent / "away")
    assert [] == inbox.scan_after(1)
    assert inbox.scanner.next_wake(inbox.now) is None
    (inbox.folder.parent / "away").rename(folder)
    assert [] == inbox.scan_after(1.5)
    assert ["a"] == inbox.scan_after(2)


def test_the_next_wake_is_when_a_bundle_may_be_complete(inbox: ScannedInbox) -> None:
    """It is after a quarter of settle_s while few bundles settle, and at the latest at the timeout."""
    assert inbox.scanner.next_wake(inbox.now) is None
    (inbox.folder / "a").mkdir()
    inbox.scan_after(0)
    assert 0.5 == inbox.scanner.next_wake(inbox.now)
    inbox.scan_after(1.8)
    assert pytest.approx(0.2) == inbox.scanner.next_wake(inbox.now)
    inbox.scan_after(298)
    assert pytest.approx(0.2) == inbox.scanner.next_wake(inbox.now)


def test_many_settling_bundles_are_checked_less_often(inbox: ScannedInbox) -> None:
    """Thousands then cost no more than a hundred."""
    for n in range(400):
        (inbox.folder / str(n)).mkdir()
    inbox.scan_after(0)
    assert 2.0 == inbox.scanner.next_wake(inbox.now)
    inbox.scan_after(2.5)
    assert 2.0 == inbox.scanner.next_wake(inbox.now)


def test_new_settings_of_time_apply_from_the_next_scan(inbox: ScannedInbox) -> None:
    """A reload may change them."""
    write_bundle(inbox.folder / "a")
    inbox.scan_after(0)
    inbox.scanner.settle(0.5, 10, Limits())
    assert ["a"] == inbox.scan_after(0.5)


def test_a_complete_bundle_is_found_at_once_if_settle_s_is_0(tmp_path: Path) -> None:
    inbox = ScannedInbox(tmp_path)
    inbox.scanner.settle(0, 0, Limits())
    write_bundle(inbox.folder / "a")
    assert ["a"] == inbox.scan_after(0)


def test_new_limits_apply_to_bundles_that_are_settling(inbox: ScannedInbox) -> None:
    """After a reload, a manifest that was too large is read again."""
    inbox.scanner.settle(SETTLE_S, TIMEOUT_S, Limits(manifest_bytes=10))
    write_bundle(inbox.folder / "a")
    assert [] == inbox.scan_after(0) + inbox.scan_after(SETTLE_S) + inbox.scan_after(1)
    inbox.scanner.settle(SETTLE_S, TIMEOUT_S, Limits())
    assert ["a"] == inbox.scan_after(1) + inbox.scan_after(SETTLE_S)


def test_a_replaced_inbox_is_scanned(inbox: ScannedInbox) -> None:
    inbox.scan_after(0)
    inbox.folder.rename(inbox.folder.parent / "old")
    inbox.folder.mkdir()
    (inbox.folder / "a").mkdir()
    (inbox.folder / "a" / ".ready").touch()
    assert ["a"] == inbox.scan_after(0)


def test_a_missing_inbox_is_an_error_with_its_fix(inbox: ScannedInbox) -> None:
    """The daemon reports it and scans again later."""
    inbox.folder.rmdir()
    with pytest.raises(
        SpoolError, match="cannot be read: No such file or directory; create the folder again"
    ):
        inbox.scanner.scan(inbox.now)
    inbox.folder.mkdir()
    assert [] == inbox.scan_after(1)
