"""File names from users' names: valid on every file system, and unique."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fishd.spool.names import clip_paths, file_name, file_names, job_name, printable, reference_paths

JOB_NAMES = {
    "Folge 1 🎉": "Folge 1 🎉",
    "👩‍👩‍👧 family": "👩‍👩‍👧 family",
    "a\nb\tc\x1b[31m": "a_b_c_[31m",
    "\u202egnp.exe": "_gnp.exe",
    "..": "_.",
    ".hidden": "_hidden",
    " ": "_",
    "": "_",
    b"caf\xe9": "caf_",
    b"a/b": "a_b",
    "n" * 300: "n" * 240,
    "é" * 200: "é" * 120,
}


@pytest.mark.parametrize(("raw", "expected"), JOB_NAMES.items())
def test_a_job_is_named_after_its_folder(raw: str | bytes, expected: str) -> None:
    """Characters that are unsafe in a path or on a terminal are replaced; `-NN` still fits."""
    assert expected == job_name(raw)


def test_a_long_name_is_not_cut_before_a_combining_mark() -> None:
    name = "x" * 239 + "e\u0301"
    assert "x" * 239 == job_name(name)


FILE_NAMES = {
    "Alice": "Alice",
    "../../etc/passwd": "_._.._etc_passwd",
    "What? *really*": "What_ _really_",
    "CON": "_CON",
    "nul.txt": "_nul.txt",
    "contour": "contour",
    "trailing. .": "trailing",
    "...": "_",
    "é": "é",
    "e\u0301": "é",
    "n" * 255: "n" * 180,
}


@pytest.mark.parametrize(("name", "expected"), FILE_NAMES.items())
def test_a_file_is_named_after_its_speaker(name: str, expected: str) -> None:
    """Every common file system accepts the name."""
    assert expected == file_name(name)


def test_names_with_the_same_file_name_get_a_hash() -> None:
    """All of them do, so that their order does not matter."""
    names = ["Alice", "alice", "ALICE.", "Bob", "e\u0301", "é", "a?", "a*"]
    files = file_names(names)
    assert "Bob" == files[3]
    assert 8 == len({unicodedata.normalize("NFC", file).casefold() for file in files})
    assert dict(zip(names, files, strict=True)) == dict(
        zip(names[::-1], file_names(names[::-1]), strict=True)
    )
    assert files[0].startswith("Alice-")


def test_a_name_that_imitates_a_hashed_one_gets_its_own_file() -> None:
    made = file_names(["A", "a"])[0]
    files = file_names(["A", "a", made])
    assert 3 == len({file.casefold() for file in files})


def test_clips_are_in_the_folder_of_their_speaker() -> None:
    expected = [["clips/Al_ice/001.wav"], ["clips/Bob/a.wav", "clips/Bob/b_c.wav"]]
    assert expected == clip_paths([("Al/ice", ["001"]), ("Bob", ["a", "b/c"])], "wav")


@settings(max_examples=200)
@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
def test_any_names_give_distinct_and_safe_file_names(names: list[str]) -> None:
    """They differ in any case and Unicode form, are not hidden, and stay in the folder."""
    files = file_names(names)
    folded = {unicodedata.normalize("NFC", file).casefold() for file in files}
    assert len(names) == len(folded)
    for file in files:
        assert 0 < len(file.encode()) <= 230
        assert not set(file) & set('/\\:*?"<>|\0\n\x1b')
        assert not file.startswith(".")
        assert not file.endswith((".", " "))


@settings(max_examples=200)
@given(st.binary(max_size=300))
@example(b"\x00\xc2\xa0\x00")
def test_any_bytes_give_a_job_name(raw: bytes) -> None:
    """It is UTF-8, printable, not hidden, and short enough."""
    name = job_name(raw)
    assert 0 < len(name.encode()) <= 240
    assert "/" not in name
    assert not name.startswith(".")
    assert name == printable(name)


def test_reference_paths_never_collide() -> None:
    """A speaker's second clip is not the first of a speaker whose name ends in a number."""
    paths = reference_paths([("A", ["x.wav", "y.flac"]), ("A-1", ["z.wav"]), ("a", ["x.wav"]), ("B/", [""])])
    assert ["references/A-1-1.wav"] == paths[1]
    flat = [path for row in paths for path in row]
    assert len({path.casefold() for path in flat}) == len(flat) == 5
    assert "references/B_-1" == paths[3][0]
