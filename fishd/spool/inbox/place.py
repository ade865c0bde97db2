"""Places a copied bundle in the inbox: under a free name, by one rename, so that it appears whole."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fishd.spool.bundle.convention import IGNORED_ENDS
from fishd.spool.durable.disk import Disk
from fishd.spool.durable.syscalls import rename_noreplace
from fishd.spool.endings import ENDINGS, names_of
from fishd.spool.names import job_name, numbered
from fishd.spool.root import FOLDERS


def usable_name(name: str) -> str:
    """A name that the daemon does not ignore or shorten: not hidden, no transfer's, without an ending."""
    name = job_name(name)
    while name.lower().endswith((*IGNORED_ENDS, *ENDINGS)):
        name = job_name(name[: name.rindex(".")])
    return name


def place(part: Path, root: Path, name: str, suffix: str) -> str:
    """Rename to the first of NAME, NAME-2, … that is free in every folder from inbox to archive."""
    number = 0
    while True:
        number += 1
        candidate = numbered(name, number)
        if any(os.path.lexists(root / folder / one) for folder in FOLDERS for one in names_of(candidate)):
            continue
        with suppress(FileExistsError):
            rename_noreplace(part, root / "inbox" / f"{candidate}{suffix}")
            Disk().sync_folder(root / "inbox")
            return candidate
