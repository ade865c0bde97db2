"""The names inside a job's folder, work/NAME."""

from __future__ import annotations

import os
from pathlib import Path

from fishd.spool.endings import ending_by_content, is_request

BUNDLE = "bundle"  # as it was dropped: a folder or a file
UNPACKED = "unpacked"  # an archive's content
ENDING = "ending"  # a dropped file's ending, where its content suggests another one
OUT = "out"  # the result as it grows: clips, then the files of the report
FINAL = "final"  # the result of a job that is assembled; out/ then holds its raw clips
COVER = "cover"  # the picture of a book
RESULT = "result.json"  # in out/ or final/, and in the outbox
FORMER = "former.json"  # of a revision: the result that it goes on with


def request_in(folder: Path) -> Path | None:
    """The request for a revision in work/NAME; None for any other job. Raises OSError."""
    with os.scandir(folder) as entries:
        return next((Path(entry.path) for entry in entries if is_request(entry.name)), None)


def dropped_ending(folder: Path) -> str:
    """The ending of what was dropped; "" for a folder."""
    bundle = folder / BUNDLE
    if bundle.is_dir():
        return ""
    try:
        return (folder / ENDING).read_text("ascii", "replace")
    except FileNotFoundError:
        return ending_by_content(bundle)
