"""A revised result takes the place of the former one, on every file system and after every crash."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fishd.core.model.hashes import content_hash
from fishd.spool.durable.disk import Disk
from fishd.spool.outbox.replace import replace_result, user_files
from tests.shell.crash_disk import CrashDisk

NEW, OLD = b'{"revision": 1}', b"{}"


class NoExchangeDisk(CrashDisk):
    """A file system without RENAME_EXCHANGE."""

    def exchange(self, one: Path, other: Path) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


class Crashed(BaseException):
    """The end of the simulated process."""


def crash() -> None:
    raise Crashed


class Replacement:
    """A new result in work/NAME, and the former one in the outbox."""

    def __init__(self, root: Path) -> None:
        self.tree, self.target = root / "work" / "NAME" / "final", root / "outbox" / "NAME"
        self.former = root / "archive" / "NAME.rev1"
        for folder, content in ((self.tree, NEW), (self.target, OLD)):
            folder.mkdir(parents=True)
            (folder / "result.json").write_bytes(content)
            (folder / "review.json").write_text("{}")
        self.former.parent.mkdir()

    def run(self, disk: Disk) -> None:
        replace_result(self.tree, self.target, self.former, content_hash(NEW), disk)

    def results(self) -> tuple[bytes, bytes]:
        return (self.target / "result.json").read_bytes(), (self.former / "result.json").read_bytes()


@pytest.mark.parametrize("disk", [CrashDisk, NoExchangeDisk])
def test_the_former_result_is_kept_whole_after_a_crash_at_any_step(
    tmp_path: Path, disk: type[CrashDisk]
) -> None:
    """It can be repeated; where folders can change places, the outbox always has a result."""
    undisturbed = disk(None, crash)
    Replacement(tmp_path / "undisturbed").run(undisturbed)
    assert undisturbed.steps > 1
    for last in range(undisturbed.steps):
        replacement = Replacement(tmp_path / str(last))
        with pytest.raises(Crashed):
            replacement.run(disk(last, crash))
        assert disk is NoExchangeDisk or replacement.target.exists()
        for _ in range(2):
            replacement.run(disk(None, crash))
        assert (NEW, OLD) == replacement.results()
        assert [] == list(replacement.tree.parent.iterdir())
        assert ["NAME.rev1"] == [path.name for path in replacement.former.parent.iterdir()]


def test_a_former_result_that_was_removed_is_no_fault(tmp_path: Path) -> None:
    replacement = Replacement(tmp_path)
    replacement.target.rename(tmp_path / "taken away")
    replacement.run(Disk())
    assert NEW == (replacement.target / "result.json").read_bytes()
    assert not replacement.former.exists()


def test_a_name_that_is_taken_in_the_archive_is_numbered(tmp_path: Path) -> None:
    replacement = Replacement(tmp_path)
    replacement.former.mkdir()
    replacement.run(Disk())
    assert OLD == (replacement.former.with_name("NAME.rev1-2") / "result.json").read_bytes()


def test_a_user_s_file_that_was_written_last_counts(tmp_path: Path) -> None:
    """The page may approve a line after its file was copied, and before the results change places."""
    replacement = Replacement(tmp_path)
    late = replacement.target / "review.json"
    late.write_text('{"approved": 1}')
    os.utime(late, ns=(0, (replacement.tree / "review.json").stat().st_mtime_ns + 1))
    (replacement.target / "notes.txt").write_text("later")
    os.utime(replacement.tree / "review.json", ns=(0, late.stat().st_mtime_ns - 1))
    replacement.run(Disk())
    assert '{"approved": 1}' == (replacement.target / "review.json").read_text()
    assert "later" == (replacement.target / "notes.txt").read_text()
    assert (NEW, OLD) == replacement.results()


def test_user_files_are_small_files_that_fishd_did_not_write(tmp_path: Path) -> None:
    for name in ("result.json", "summary.html", "job.log", "NAME.m4b", ".hidden", "review.json", "notes"):
        (tmp_path / name).write_text(name)
    (tmp_path / "clips").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(17 << 20)
    assert {"review.json": b"review.json", "notes": b"notes"} == user_files(tmp_path)
    assert {} == user_files(tmp_path / "gone")
