"""A spool has one owner and is on one file system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fishd.spool.errors import SpoolBusy, SpoolError
from fishd.spool.root import check_renames, make_folders, open_spool, rename_error
from tests.shell.bundles import names_in


def test_a_spool_is_created_where_there_is_none(tmp_path: Path) -> None:
    """It has four folders and the lock; the probe is removed."""
    with open_spool(tmp_path / "deep" / "spool") as spool:
        assert ["archive", "fishd.lock", "inbox", "outbox", "work"] == names_in(spool.root)
        assert [] == [
            name for folder in (spool.inbox, spool.work, spool.archive) for name in names_in(folder)
        ]
        assert f"{os.getpid()}\n" == (spool.root / "fishd.lock").read_text()


def test_a_second_owner_is_refused_with_the_firsts_pid(tmp_path: Path) -> None:
    """It can open the spool after the first has released it."""
    with open_spool(tmp_path) as _, pytest.raises(SpoolBusy) as busy:
        open_spool(tmp_path)
    assert os.getpid() == busy.value.pid
    assert (
        f"{tmp_path}: another fishd (pid {os.getpid()}) owns this spool; "
        "stop it first, or give this one another root"
    ) == str(busy.value)
    open_spool(tmp_path).close()


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """A worker that outlives the daemon must not block the next one."""
    spool = open_spool(tmp_path)
    command = [sys.executable, "-c", "print('here', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout
        assert b"here\n" == child.stdout.readline()  # exec has closed the inherited descriptors
        spool.close()
        open_spool(tmp_path).close()
        child.communicate(b"\n")


def test_a_probe_left_by_a_crash_is_removed(tmp_path: Path) -> None:
    """It is in the outbox."""
    make_folders(tmp_path)
    (tmp_path / "outbox" / ".fishd-probe").mkdir()
    check_renames(tmp_path)
    assert [] == names_in(tmp_path / "outbox")


def test_folders_on_two_mounts_are_refused_with_the_fix(tmp_path: Path) -> None:
    """Separate ReadWritePaths= of a systemd unit cause the error."""
    error = OSError(18, "Invalid cross-device link", "inbox/.fishd-probe", None, "work/.fishd-probe")
    message = str(rename_error(tmp_path, error))
    assert "inbox/.fishd-probe cannot be renamed to work/.fishd-probe" in message
    assert message.endswith(
        "put them under one mount (with systemd: one ReadWritePaths= for the root, not one for each)"
    )


def test_a_file_with_the_name_of_a_folder_is_refused(tmp_path: Path) -> None:
    """The message has its path and the fix."""
    (tmp_path / "work").touch()
    with pytest.raises(SpoolError, match="work: is a file, not a folder; move it away"):
        open_spool(tmp_path)


def test_a_root_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    """It is below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="file/spool: cannot be created: Not a directory"):
        open_spool(tmp_path / "file" / "spool")
