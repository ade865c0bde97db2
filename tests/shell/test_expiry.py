"""Bundles are removed from the archive after `archive_days`."""

from __future__ import annotations

import os
from pathlib import Path

from fishd.spool.expiry import expire
from tests.shell.bundles import names_in

DAY_S = 86_400.0


def test_old_bundles_are_removed(tmp_path: Path) -> None:
    """The time at which they were archived counts, not their mtime."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "stray.txt").touch()
    now = (tmp_path / "new").lstat().st_ctime
    assert () == expire(tmp_path, 30, now + 29 * DAY_S).removed
    os.utime(tmp_path / "new", (now, now + 10 * DAY_S))
    assert ["old", "stray.txt"] == sorted(expire(tmp_path, 30, now + 31 * DAY_S).removed)
    assert ["new"] == names_in(tmp_path)


def test_the_rest_of_an_interrupted_removal_is_removed(tmp_path: Path) -> None:
    """Its age does not matter."""
    (tmp_path / ".removing-1" / "0").mkdir(parents=True)
    assert () == expire(tmp_path, 30, 0).removed
    assert [] == names_in(tmp_path)
