"""Scripts are told apart by their names, and none costs more than the limits allow."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from fishd.core.model.limits import Limits
from fishd.spool.bundle.scripts.model import Script, ScriptSettings
from fishd.spool.bundle.scripts.read import SUFFIXES, read_script, script_suffix
from tests.shell.scripts import epub, faults_of, page, read, srt, texts, warnings_of

BOOK = epub({"a.xhtml": page("<p>One.</p>" * 9)})


def limited(name: str, content: str | bytes, **limits: int) -> Script:
    """The script under limits other than the usual."""
    written = content.encode() if isinstance(content, str) else content
    return read_script(name, written, ScriptSettings(), replace(Limits(), **limits))  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_script_is_known_by_its_suffix(suffix: str) -> None:
    """In any case."""
    assert suffix == script_suffix(f"Episode 3.en{suffix.upper()}")


@pytest.mark.parametrize("name", ["", "srt", "a.docx", "a.srt.bak", "notes"])
def test_other_files_are_no_scripts(name: str) -> None:
    """The fault says which are."""
    assert "" == script_suffix(name)
    suffixes = ".srt, .vtt, .ass, .ssa, .csv, .tsv, .txt, .md, .fountain, .epub"
    assert [f"{name or 'script'}: is not a script; one ends in {suffixes}"] == faults_of(read(name, "x"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_is_a_fault(suffix: str) -> None:
    """As a transfer that failed leaves it."""
    assert [f"a{suffix}: is empty (0 bytes)"] == faults_of(read(f"a{suffix}", b""))


def test_a_file_over_its_limit_is_not_read() -> None:
    """Books have another limit than texts, for their pictures."""
    fault = "is 70 bytes long; at most 60 bytes are read"
    assert [f"a.txt: {fault}"] == faults_of(limited("a.txt", "a" * 70, script_text_bytes=60))
    assert () == limited("a.epub", BOOK, script_text_bytes=2_000).faults
    (fault,) = faults_of(limited("a.epub", BOOK, script_bytes=100))
    assert fault.endswith("; at most 100 bytes are read")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.srt", srt(*"abcdefghi")),
        ("a.csv", "text\n" + "a\n" * 9),
        ("a.txt", "a\n\n" * 9),
        ("a.md", "a\n\n" * 9),
        ("a.fountain", "A\na\n\n" * 9),
        ("a.epub", BOOK),
    ],
)
def test_a_script_of_too_many_lines_is_a_fault(name: str, content: str | bytes) -> None:
    """And is not read any further."""
    assert () == limited(name, content, script_lines=9).faults
    script = limited(name, content, script_lines=8)
    assert [f"{name}: has more than 8 lines; split it into several files"] == faults_of(script)
    assert len(script.lines) <= 8


def test_of_many_faults_the_first_are_reported_and_the_rest_counted() -> None:
    """The last that is shown says how many there are."""
    faults = faults_of(limited("a.csv", "text,start\n" + "a,x\n" * 9, faults=3))
    what = "is not a time; write seconds (12.5) or 00:00:12,500"
    assert [f'a.csv row 2: "x" {what}', f'a.csv row 3: "x" {what}', "a.csv: and 7 more like these"] == faults


def test_a_file_of_nothing_but_faults_is_not_read_to_its_end() -> None:
    """It is of another kind."""
    faults = faults_of(limited("a.csv", "text\n" + "a,b\n" * 20_000, faults=3))
    assert "a.csv: and at least 9,998 more like these" == faults[-1]


def test_what_a_script_names_harms_no_terminal() -> None:
    """Neither places nor ids nor speakers."""
    vtt = read(
        "a.vtt",
        "WEBVTT\n\n\x1b[2J\u202eid\n00:01.000 --> 00:02.000\n<v \x1b[31mMara>Hi\x07.</v>\n\n"
        "00:03\x1b --> x\nB\n",
    )
    assert ["a.vtt:4 (cue [2Jid)"] == [line.place for line in vtt.lines]
    assert [("[2Jid", "[31mMara", "Hi .")] == [(line.id, line.speaker, line.text) for line in vtt.lines]
    assert [
        'a.vtt:7 (cue 2): "00:03 --> x" is not a time span; write 00:01:02,500 --> 00:01:05,000'
    ] == faults_of(vtt)
    book = epub({"a\x1b.xhtml": page("<p>One.</p>")})
    assert ["a.epub: OEBPS/a_.xhtml paragraph 1"] == [line.place for line in read("a.epub", book).lines]


def test_a_guess_is_reported_for_a_page_of_a_book_too() -> None:
    """Old books declare nothing."""
    script = read("a.epub", epub({"a.xhtml": ""}, OEBPS__a_xhtml="<p>Où ça ? Déjà !</p>".encode("cp1252")))
    assert ["Où ça ? Déjà !"] == texts(script.lines)
    (warning,) = warnings_of(script)
    assert warning.startswith("a.epub: OEBPS/a.xhtml: is not UTF-8: read as cp1252, which is a guess; ")


def test_reading_a_script_loads_no_library_that_its_format_does_not_need() -> None:
    """The daemon starts with all readers."""
    program = """
import sys
from fishd.spool.bundle.scripts.read import read_script
read_script("a.txt", b"One.")
sys.stdout.write(" ".join(m for m in ("markdown_it", "charset_normalizer", "numpy") if m in sys.modules))
"""
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "" == loaded
