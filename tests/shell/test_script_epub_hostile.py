"""EPUB files that are damaged, protected or made to do harm are refused in words, and cost little."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from dataclasses import replace

import pytest

from fishd.core.model.limits import MIB, Limits
from fishd.spool.bundle.scripts.model import ScriptSettings
from fishd.spool.bundle.scripts.read import read_script
from tests.shell.scripts import CONTAINER, epub, faults_of, good, packed, page, read, texts

GOOD = epub({"a.xhtml": page("<p>One.</p>")})
DRM = '<encryption><EncryptedData><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>'


def with_flag(book: bytes, flag: int) -> bytes:
    """The book with a flag set in every member's two headers."""
    content = bytearray(book)
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(magic)
        while at >= 0:
            flags = struct.unpack_from("<H", content, at + offset)[0]
            struct.pack_into("<H", content, at + offset, flags | flag)
            at = content.find(magic, at + 4)
    return bytes(content)


def with_method(method: int) -> bytes:
    """A book whose page is packed by another method."""
    opf = '<package><item id="b" href="b.xhtml"/><itemref idref="b"/></package>'
    file = io.BytesIO(packed({"META-INF/container.xml": CONTAINER, "OEBPS/content.opf": opf}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("OEBPS/b.xhtml", page("<p>Two.</p>"), compress_type=method)
    return file.getvalue()


FAULTS = {
    "no archive": (b"This is no book.", "is damaged, or its end is missing"),
    "cut off": (GOOD[:-30], "is damaged, or its end is missing"),
    "an archive of something else": (
        packed({"a.txt": "x"}),
        "is not an EPUB: META-INF/container.xml is missing from it",
    ),
    "DRM": (
        epub({"a.xhtml": "x"}, **{"META-INF__encryption_xml": DRM}),
        "is protected by DRM (META-INF/encryption.xml); only books without it can be read",
    ),
    "a password": (
        with_flag(GOOD, 1),
        "META-INF/container.xml: is encrypted; drop the book without a password",
    ),
    "a name that leads upwards": (
        packed({"META-INF/container.xml": CONTAINER, "../../x": "x"}),
        'holds a member that leads out of the book, "../../x"; make it again',
    ),
    "an absolute name": (
        packed({"META-INF/container.xml": CONTAINER, "/etc/x": "x"}),
        'holds a member that leads out of the book, "/etc/x"; make it again',
    ),
    "a container without a package": (
        packed({"META-INF/container.xml": "<container/>"}),
        "does not say in META-INF/container.xml where its package document is; make it again",
    ),
    "a package that is missing": (
        packed({"META-INF/container.xml": CONTAINER}),
        "OEBPS/content.opf: is missing from the archive",
    ),
    "an empty package": (epub({}), "holds nothing to speak"),
    "a method that EPUB does not know": (
        with_method(zipfile.ZIP_LZMA),
        "OEBPS/b.xhtml: is packed in a way that EPUB does not allow; use deflate",
    ),
}


@pytest.mark.parametrize(("book", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_wrong_with_a_book_is_said(book: bytes, fault: str) -> None:
    """And where."""
    (said,) = faults_of(read("a.epub", book))
    assert said.startswith(("a.epub: ", "a.epub:"))
    assert said.split(": ", 1)[1].startswith(fault)


def test_a_damaged_page_is_reported_beside_the_good_ones() -> None:
    """By the archive's checksum."""
    book = epub({"a.xhtml": page("<p>One.</p>"), "b.xhtml": page("<p>Two.</p>")})
    at = book.index(b"OEBPS/a.xhtml") + len("OEBPS/a.xhtml")
    damaged = book[: at + 5] + bytes([book[at + 5] ^ 0xFF]) + book[at + 6 :]
    script = read("a.epub", damaged)
    (fault,) = faults_of(script)
    assert fault.startswith("a.epub: OEBPS/a.xhtml: is damaged (")
    assert ["Two."] == texts(script.lines)


def test_a_zip_bomb_costs_no_more_than_a_long_book() -> None:
    """A gigabyte from a megabyte, in one page or in many."""
    limits = replace(Limits(), script_text_bytes=4 * MIB)
    one = epub({"a.xhtml": "a" * (256 * MIB)})
    many = epub({f"{n}.xhtml": "a" * MIB for n in range(256)})
    for book in (one, many):
        assert len(book) < 2 * MIB
        tracemalloc.start()
        script = read_script("a.epub", book, ScriptSettings(), limits)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        (fault,) = faults_of(script)
        assert fault.startswith("a.epub: holds more than 4.0 MiB of text, at ")
        assert peak < 64 * MIB


def test_an_archive_of_a_million_members_is_not_listed() -> None:
    """Its directory is measured before it is read."""
    file = io.BytesIO(GOOD)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b""
        for n in range(100):
            archive.writestr(f"{n}", "")
    limits = replace(Limits(), max_files=10)
    (fault,) = faults_of(read_script("a.epub", file.getvalue(), ScriptSettings(), limits))
    assert "a.epub: holds more than 10 files" == fault


def test_entities_are_not_expanded() -> None:
    """Neither a billion laughs nor a file of this machine, in a page or in the package."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE p [<!ENTITY l0 "lol">{laughs}<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    book = epub({"a.xhtml": f"{doctype}<p>One &l9; &f; two.</p>"})
    assert ["One &l9; &f; two."] == texts(good("a.epub", book))
    opf = f"""{doctype}<package><metadata><title>&l9;&f;</title></metadata><manifest>
        <item id="a" href="a.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>"""
    assert "&l9;&f;" == read("a.epub", epub({"a.xhtml": "<p>x</p>"}, OEBPS__content_opf=opf)).title


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<!--",
        "<![",
        "<!a[>",
        "<a x='",
        '<a x="',
        "</x ",
        "<?",
        "<",
        "<p>",
        "&#",
        "<sup>",
        "<td> ",
        "<a id='x'>",
    ],
)
@pytest.mark.timeout(60)
def test_a_page_that_costs_some_parsers_hours_is_read_in_seconds(piece: str) -> None:
    """Time grows with the page, not with its square."""
    book = epub({"a.xhtml": piece * (2 * MIB // len(piece))})
    read("a.epub", book)


def test_a_spine_that_names_one_page_many_times_reads_it_once() -> None:
    """A small book would become a long one."""
    spine = '<itemref idref="a"/>' * 1_000
    opf = f'<package><manifest><item id="a" href="a.xhtml"/></manifest><spine>{spine}</spine></package>'
    assert ["One."] == texts(good("a.epub", epub({"a.xhtml": "<p>One.</p>"}, OEBPS__content_opf=opf)))
