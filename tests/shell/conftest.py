"""An empty spool and an empty inbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.spool.root import Spool, make_folders
from tests.shell.scanned_inbox import ScannedInbox


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty spool, without a lock."""
    make_folders(tmp_path / "spool")
    return Spool(tmp_path / "spool", -1)


@pytest.fixture
def inbox(tmp_path: Path) -> ScannedInbox:
    return ScannedInbox(tmp_path)
