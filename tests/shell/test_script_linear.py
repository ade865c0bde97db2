"""Reading takes time that grows with a script, not with its square: what is repeated half a million times."""

from __future__ import annotations

import pytest

from tests.shell.scripts import epub, page, read

HALF_A_MILLION = 500_000
ENTRIES = "".join(f'<a href="a.xhtml#{n}"/>' for n in range(50_000))
FILES = {
    "white space in a time line": ("a.srt", "00:00:01,000" + " " * HALF_A_MILLION + "> 00:00:02,000\nOne.\n"),
    "white space before an arrow": ("a.vtt", "WEBVTT\n\n" + "x" + " " * HALF_A_MILLION + "-->\nOne.\n"),
    "broken time lines": ("a.srt", "0:00 --> x\n" * HALF_A_MILLION),
    "text lines of one cue": ("a.srt", "0:01,0 --> 0:02,0\n" + "- a\n" * HALF_A_MILLION),
    "voices of one cue": ("a.vtt", "WEBVTT\n\n0:01,0 --> 0:02,0\n" + "<v a>b" * HALF_A_MILLION),
    "white space in voices": ("a.vtt", "WEBVTT\n\n" + f"0:01,0 --> 0:02,0\n<v{' x' * 9_000}\n\n" * 50),
    "brackets": ("a.csv", "text\n" + ("[" * 50_000 + "(" * 50_000 + "\n") * 5),
    "ragged rows": ("a.csv", "text\n" + "a,b\n" * HALF_A_MILLION),
    "columns": ("a.csv", "text" + "," * HALF_A_MILLION + "\na\n"),
    "white space in front matter": ("a.md", "---\ntitle: a" + " " * HALF_A_MILLION + "b\n---\nOne.\n"),
    "underscores": ("a.fountain", "MARA\na" + "_" * HALF_A_MILLION + "b\n"),
    "asterisks": ("a.fountain", "MARA\n" + "*a" * HALF_A_MILLION + "\n"),
    "quotes": ("a.txt", '."' * HALF_A_MILLION),
    "line breaks": ("a.txt", "a\n" * HALF_A_MILLION),
    "white space in a link": (
        "a.epub",
        epub({"a.xhtml": "<a href='#'>" + "<i> " * HALF_A_MILLION + "x</a>"}),
    ),
    "white space in front of an encoding": (
        "a.epub",
        epub({"a.xhtml": " " * HALF_A_MILLION + "<?xml?><p>a</p>"}),
    ),
    "chapters on one page": (
        "a.epub",
        epub(
            {"a.xhtml": "".join(f'<p id="{n}">a</p>' for n in range(50_000))},
            manifest='<item id="n" href="nav.xhtml" properties="nav"/>',
            OEBPS__nav_xhtml=page(f'<nav epub:type="toc">{ENTRIES}</nav>'),
        ),
    ),
}


@pytest.mark.parametrize(("name", "content"), FILES.values(), ids=FILES.keys())
@pytest.mark.timeout(60)
def test_a_script_of_repetitions_is_read_in_seconds(name: str, content: str | bytes) -> None:
    """The square of half a million would take hours."""
    read(name, content)
