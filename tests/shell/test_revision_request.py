"""Requests for revisions: written, read, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.core.revision.request import LineRevision, Revision
from fishd.spool.durable.disk import Disk
from fishd.spool.names import one_line
from fishd.spool.revision.request_file import (
    RequestState,
    parse_request,
    read_request,
    request_revision,
    request_state,
    to_toml,
    why_refused,
)
from fishd.spool.revision.work import refuse
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


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("job = 'show'", ["x.revision.toml: asks for nothing; add a [[lines]] table or [pronounce]"]),
        ("[pronounce]\nSQL = 'sequel'", ['job: has no job; add job = "NAME", its name in the outbox']),
        (
            "job = '../x'\n[pronounce]\na = 'b'",
            ['job: is "../x"; must be the name of a folder in the outbox'],
        ),
        (
            "job = 3\nlines = [{}]",
            [
                "job: is 3; must be the name of a folder in the outbox",
                "lines[0].speaker: is missing",
                "lines[0].id: is missing",
            ],
        ),
        (
            "job = 'show'\nlines = [{speaker = 'Ada', id = '1', text = 'x', take = 1}]",
            ["lines[0]: has a text and a take; a kept take has its own text: give one of them"],
        ),
        (
            "job = 'show'\nlines = [{speaker = 'Ada', id = '1', take = 0}]",
            ["lines[0].take: is 0; must be a whole number from 1 to 1000000"],
        ),
        (
            "job = 'show'\nlines = [{speaker = 'Ada', id = '1'}, {speaker = 'Ada', id = '1'}]",
            ["lines[1]: is the second one for line 1 of Ada; give one table for each line"],
        ),
        ("job = 'show'\nlines = [{speaker = 'Ada', id = '1', text = ''}]", ["lines[0].text: is empty"]),
        (
            "job = 'show'\nlines = [{speaker = 'Ada', id = '1', txt = ''}]",
            ["lines[0].txt: is not a known key; did you mean text?"],
        ),
        ("job = ]", ["x.revision.toml:1:7: is not valid TOML: invalid value"]),
    ],
)
def test_a_request_is_read_with_all_its_faults(text: str, faults: list[str]) -> None:
    assert faults == [str(fault) for fault in parse_request(text.encode(), "x.revision.toml", Limits())[1]]


names = st.text(min_size=1).map(one_line).filter(bool)
texts = st.none() | names.filter(lambda text: not text.startswith("<|"))


@given(
    st.lists(st.tuples(names, names, texts), unique_by=lambda line: line[:2], min_size=1),
    st.dictionaries(names, names),
)
def test_every_request_survives_its_file(
    lines: list[tuple[str, str, str | None]], pronounce: dict[str, str]
) -> None:
    """Quotes, backslashes, emoji, any script."""
    revision = Revision("show", tuple(LineRevision(*line) for line in lines), pronounce)
    parsed = parse_request(to_toml(revision).encode(), "x.revision.toml", Limits())
    assert (revision, []) == parsed


def test_a_refused_request_says_why(tmp_path: Path) -> None:
    """It is in the archive, as it was, below the reasons; dropped again it is read as before."""
    make_folders(tmp_path)
    name = request_revision(tmp_path, REVISION)
    assert RequestState.WAITING == request_state(tmp_path, name)
    folder = tmp_path / "work" / "Episode 3"
    folder.mkdir()
    (tmp_path / "inbox" / name).rename(folder / name)
    assert RequestState.TAKEN == request_state(tmp_path, name)
    refuse(folder, tmp_path / "archive", [Fault("job", "there is\nno result"), Fault("", "and more")], Disk())
    assert RequestState.REFUSED == request_state(tmp_path, name)
    assert ("job: there is no result", "and more") == why_refused(tmp_path, name)
    assert (REVISION, []) == read_request(tmp_path / "archive" / name, Limits())
    assert [] == list((tmp_path / "work").iterdir())
    assert () == why_refused(tmp_path, "other.revision.toml")
