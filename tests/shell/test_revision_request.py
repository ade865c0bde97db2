"""Requests for revisions: written, read, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from fishd.core.model.limits import Limits
from fishd.core.revision.request import LineRevision, Revision
from fishd.spool.revision.request_file import parse_request, request_revision
from fishd.spool.root import make_folders

REVISION = Revision(
    "Episode 3",
    (
        LineRevision("Mara", "007"),
        LineRevision("Mara", "008", text='She said: "no".'),
        LineRevision("Ada", "001", take=2),
    ),
    {"Siobhan": "Shivawn"},
)


def test_a_request_in_the_inbox_is_read_as_it_was_asked(tmp_path: Path) -> None:
    """It is the only file there, under the name that was returned."""
    make_folders(tmp_path)
    name = request_revision(tmp_path, REVISION)
    (file,) = (tmp_path / "inbox").iterdir()
    assert name == file.name
    assert (REVISION, []) == parse_request(file.read_bytes(), name, Limits())
