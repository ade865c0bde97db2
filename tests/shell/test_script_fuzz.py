"""Whatever bytes a script file holds, reading it ends in lines or in faults, never in an exception."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fishd.core.model.limits import Limits
from fishd.spool.bundle.scripts.model import Script, ScriptSettings
from fishd.spool.bundle.scripts.read import SUFFIXES, read_script
from fishd.spool.names import printable
from tests.shell.scripts import epub, page, srt
from tests.shell.test_script_fountain import SCREENPLAY
from tests.shell.test_script_prose import BOOK, WRAPPED
from tests.shell.test_script_subtitles import ASS

LIMITS = replace(
    Limits(),
    script_lines=40,
    faults=5,
    name_chars=10,
    script_text_bytes=20_000,
    script_bytes=20_000,
    max_files=20,
)
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
GOOD = {
    ".srt": srt("MARA: Hello.", "- [a]\n- <i>b</i>", "♪ c ♪").encode(),
    ".vtt": b"WEBVTT\n\nid\n00:01.000 --> 00:02.000\n<v Mara>Hello.</v>\n\nNOTE x\n",
    ".ass": (
        ASS + "Dialogue: 0,0:00:01.50,0:00:02.25,Default,Mara,0,0,0,,{\\p1}m{\\p0}Well,\\Nyes.\n"
    ).encode(),
    ".csv": b'id,speaker,text,start,end\n1,Mara,"a ""b""\nc",1,2\n',
    ".txt": WRAPPED.encode(),
    ".md": BOOK.encode(),
    ".fountain": SCREENPLAY.encode(),
    ".epub": epub(
        {"a.xhtml": page("<h1 id='x'>One</h1><p>Two <a href='#n'>1</a>.</p>")},
        manifest='<item id="nav" href="nav.xhtml" properties="nav"/>',
        OEBPS__nav_xhtml=page('<nav epub:type="toc"><ol><li><a href="a.xhtml#x">A</a></li></ol></nav>'),
    ),
}
PIECES = [
    *(
        "-->",
        "00:00:01,000",
        "1",
        "\n",
        "\n\n",
        "\r",
        "[",
        "]",
        "(",
        ")",
        "♪",
        "- ",
        "MARA:",
        "<v Mara>",
        "<i>",
    ),
    *(
        "{\\p1}",
        "\\N",
        "Dialogue:",
        "[Events]",
        "Format:",
        ",",
        ";",
        "\t",
        '"',
        "text",
        "=A1",
        "#REF!",
        "&#",
        "&amp;",
    ),
    *(
        "# ",
        "---",
        "```",
        "|",
        "> ",
        "* ",
        "![",
        "](",
        "/*",
        "*/",
        "[[",
        "@",
        "~",
        "INT. ",
        "<!",
        "<a ",
        "/>",
        "<!--",
    ),
    *(
        "\0",
        "\x1b[31m",
        "\u202e",
        "\u2028",
        "\ufeff",
        "é",
        "漢。",
        "!",
        "...",
        "Mr.",
        "9" * 5_000,
        "WEBVTT",
        "NOTE",
    ),
]
NAMES = st.text(min_size=1, max_size=8)
SETTINGS = st.builds(
    ScriptSettings,
    columns=st.dictionaries(
        st.sampled_from(["id", "text", "speaker", "start"]), st.sampled_from(["", "text", "id"])
    ),
    skip=st.none() | st.lists(st.sampled_from(["", "[", "♪", "M"]), max_size=2).map(tuple),
    encoding=st.sampled_from(["", "cp1252", "gb18030", "utf-16", "utf-7", "rot13", "\0", "no such"]),
    speakers=st.lists(st.sampled_from(["Mara", "", "MARA (V.O.)", "漢"]), max_size=2).map(tuple),
)


def check(script: Script) -> None:
    """Lines or faults, both within their limits, in words that harm no terminal and fit a message."""
    assert script.lines or script.faults
    assert len(script.lines) <= LIMITS.script_lines
    assert max(len(script.faults), len(script.warnings)) <= LIMITS.faults
    assert max(len(script.title), len(script.author)) <= LIMITS.name_chars
    for fault in (*script.faults, *script.warnings):
        assert fault.where
        assert printable(str(fault)) == str(fault)
    for line in script.lines:
        assert line.text == " ".join(line.text.split())
        assert (
            printable(line.text + line.speaker + line.id + line.place)
            == line.text + line.speaker + line.id + line.place
        )
        assert line.start is None or 0 <= line.start < 1e9
    firsts = [chapter.first_line for chapter in script.chapters]
    assert sorted(set(firsts)) == firsts
    assert all(first < len(script.lines) for first in firsts)
    msgspec.msgpack.encode(script)


@QUICK
@given(NAMES, st.sampled_from([*SUFFIXES, "", ".docx"]), st.binary(max_size=300), SETTINGS)
def test_any_bytes_are_lines_or_faults(
    name: str, suffix: str, content: bytes, given_settings: ScriptSettings
) -> None:
    """Under any name, with any settings."""
    check(read_script(name + suffix, content, given_settings, LIMITS))


@pytest.mark.parametrize("suffix", SUFFIXES)
@QUICK
@given(pieces=st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40), given_settings=SETTINGS)
def test_any_pieces_of_a_format_are_lines_or_faults(
    suffix: str, pieces: list[str], given_settings: ScriptSettings
) -> None:
    """In any order."""
    content = "".join(pieces).encode("utf-8", "surrogatepass")
    check(read_script("a" + suffix, content, given_settings, LIMITS))


@pytest.mark.parametrize("suffix", GOOD)
@QUICK
@given(data=st.data())
def test_any_damage_to_a_good_file_is_lines_or_faults(suffix: str, data: st.DataObject) -> None:
    """As transfers and editors leave them: cut, doubled, overwritten."""
    good = GOOD[suffix]
    cuts = st.integers(0, len(good))
    start, end, back = data.draw(cuts), data.draw(cuts), data.draw(cuts)
    content = good[:start] + data.draw(st.binary(max_size=8)) + good[end:] + good[back : back + 50]
    check(read_script("a" + suffix, content, ScriptSettings(), LIMITS))


@QUICK
@given(
    st.lists(
        st.sampled_from(["<p>", "<item ", 'id="0"', 'href="', "a.xhtml", '"', "/>", "<spine>", "<", "&", ">"])
    )
)
def test_any_package_document_is_lines_or_faults(pieces: list[str]) -> None:
    """A good archive of bad files."""
    book = epub({"a.xhtml": "".join(pieces)}, manifest="".join(pieces), metadata="".join(pieces))
    check(read_script("a.epub", book, ScriptSettings(), LIMITS))


@pytest.mark.parametrize("suffix", GOOD)
def test_the_good_files_are_good(suffix: str) -> None:
    """The fuzz could pass for the wrong reason."""
    script = read_script("a" + suffix, GOOD[suffix])
    assert () == script.faults
    assert script.lines
