"""The names inside a job's folder, work/NAME."""

from __future__ import annotations

from pathlib import Path

from fishd.spool.endings import ending_by_content

BUNDLE = "bundle"  # as it was dropped: a folder or a file
UNPACKED = "unpacked"  # an archive's content
ENDING = "ending"  # a dropped file's ending, where its content suggests another one
OUT = "out"  # the result as it grows: clips, then the files of the report
FINAL = "final"  # the result of a job that is assembled; out/ then holds its raw clips
COVER = "cover"  # the picture of a book


def dropped_ending(folder: Path) -> str:
    """The ending of what was dropped; "" for a folder."""
    bundle = folder / BUNDLE
    if bundle.is_dir():
        return ""
    try:
        return (folder / ENDING).read_text("ascii", "replace")
    except FileNotFoundError:
        return ending_by_content(bundle)
