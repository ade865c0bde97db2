"""EPUB books, of version 2 and 3: pages in the order of the spine, chapters of the table of contents."""

from __future__ import annotations

import os

import pytest

from fishd.spool.bundle.scripts.model import Break, Chapter, ScriptLine
from tests.shell.scripts import epub, faults_of, good, page, read, texts, warnings_of

CHAPTER, PARAGRAPH = Break.CHAPTER, Break.PARAGRAPH
JPEG, PNG = b"\xff\xd8\xff\xe0picture", b"\x89PNG\r\n\x1a\npicture"
NAV_ITEM = '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
NCX_ITEM = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'


def nav(*entries: str) -> str:
    """A navigation document with these entries, `<li>…</li>`."""
    other = '<nav epub:type="landmarks"><ol><li><a href="one.xhtml">Start</a></li></ol></nav>'
    return page(f'{other}<nav epub:type="toc"><h1>Contents</h1><ol>{"".join(entries)}</ol></nav>')


def entry(href: str, title: str, below: str = "") -> str:
    """One entry, perhaps with a list of entries below it."""
    return f'<li><a href="{href}">{title}</a>{f"<ol>{below}</ol>" if below else ""}</li>'


def test_a_book_is_read() -> None:
    """Title, author, language, cover, chapters, and each paragraph with its place."""
    metadata = """<dc:title>The &amp; Book</dc:title><dc:creator id="c">A. Writer</dc:creator>
        <dc:creator id="d">B. Drawer</dc:creator><dc:language>en-GB</dc:language>
        <meta refines="#c" property="role">aut</meta><meta refines="#d" property="role">ill</meta>"""
    picture = '<item id="p" href="images/front.png" media-type="image/png" properties="cover-image"/>'
    book = epub(
        {
            "cover.xhtml": page('<img src="images/front.png" alt="The cover"/>'),
            "one.xhtml": page("<h1>I<br/>Down</h1><p>First.</p><p>Second &#8212; and\n<i>third</i>.</p>"),
            "nav.xhtml": nav(entry("one.xhtml", "Chapter I"), entry("two.xhtml", "Chapter II")),
            "two.xhtml": page("<p>Fourth.</p>"),
        },
        metadata=metadata,
        manifest=NAV_ITEM + picture,
        OEBPS__images__front_png=PNG,
    )
    script = read("a.epub", book)
    assert ((), ()) == (script.faults, script.warnings)
    assert ("The & Book", "A. Writer", "en-GB") == (script.title, script.author, script.language)
    assert PNG == script.cover
    assert (Chapter("Chapter I", 0), Chapter("Chapter II", 4)) == script.chapters
    one, two = "a.epub: OEBPS/one.xhtml paragraph", "a.epub: OEBPS/two.xhtml paragraph"
    assert (
        ScriptLine(f"{one} 1", "I", break_before=CHAPTER),
        ScriptLine(f"{one} 1", "Down"),
        ScriptLine(f"{one} 2", "First.", break_before=PARAGRAPH),
        ScriptLine(f"{one} 3", "Second — and third.", break_before=PARAGRAPH),
        ScriptLine(f"{two} 1", "Fourth.", break_before=CHAPTER),
    ) == script.lines


def test_a_book_of_version_2_is_read() -> None:
    """NCX for the chapters, and the metadata's own ways to name author and cover."""
    ncx = """<ncx><docTitle><text>No</text></docTitle><navMap>
        <navPoint><navLabel><text>Part One</text></navLabel><content src="one.html"/>
          <navPoint><navLabel><text>Chapter 1</text></navLabel><content src="one.html#c1"/>
            <navPoint><navLabel><text>Section</text></navLabel><content src="one.html#s1"/></navPoint>
          </navPoint></navPoint></navMap></ncx>"""
    book = epub(
        {"one.html": page('<p>Part.</p><h2 id="c1">One</h2><p id="s1">Text.</p>')},
        metadata='<dc:creator opf:role="edt">E</dc:creator><dc:creator opf:role="aut">A</dc:creator>'
        '<meta name="cover" content="pic"/>',
        manifest=NCX_ITEM + '<item id="pic" href="c.jpg" media-type="image/jpeg"/>',
        OEBPS__toc_ncx=ncx,
        OEBPS__c_jpg=JPEG,
    )
    script = read("a.epub", book)
    assert ((), ()) == (script.faults, script.warnings)
    assert (Chapter("Part One", 0), Chapter("Chapter 1", 1)) == script.chapters
    assert ("A", JPEG) == (script.author, script.cover)


def test_chapters_begin_at_elements_too() -> None:
    """Many books are cut into pages by size, not by chapter."""
    book = epub(
        {
            "a.xhtml": page('<p>Before.</p><p><a id="c1"></a>One.</p>'),
            "b.xhtml": page('<p>Still one.</p><div id="c2"><div><p>Two.</p></div></div>'),
            "c.xhtml": page("<p>Still two.</p>"),
            "d.xhtml": page("<h2>Three</h2><p>Text.</p>"),
        },
        manifest=NAV_ITEM,
        OEBPS__nav_xhtml=nav(entry("a.xhtml#c1", "One"), entry("b.xhtml#c2", "Two")),
    )
    script = read("a.epub", book)
    assert (Chapter("One", 1), Chapter("Two", 3), Chapter("Three", 5)) == script.chapters
    breaks = [PARAGRAPH, CHAPTER, PARAGRAPH, CHAPTER, PARAGRAPH, CHAPTER, PARAGRAPH]
    assert breaks == [line.break_before for line in script.lines]


def test_an_entry_for_an_element_that_is_not_there_begins_its_page() -> None:
    """Better a chapter too early than none."""
    book = epub(
        {"a.xhtml": page("<p>One.</p>")}, manifest=NAV_ITEM, OEBPS__nav_xhtml=nav(entry("a.xhtml#x", "A"))
    )
    assert (Chapter("A", 0),) == read("a.epub", book).chapters


def test_without_a_table_of_contents_each_page_is_a_chapter() -> None:
    """Named by its first heading, or by its number."""
    book = epub(
        {
            "a.xhtml": page("<p>Text.</p>"),
            "b.xhtml": page("<p>Motto.</p><h3>Named</h3>"),
            "c.xhtml": page('<img src="x"/>'),
            "d.xhtml": page("<p>Text.</p>"),
        }
    )
    assert (Chapter("Chapter 1", 0), Chapter("Named", 1), Chapter("Chapter 3", 3)) == read(
        "a.epub", book
    ).chapters


def test_several_entries_for_one_place_are_one_chapter() -> None:
    """The most specific, which is the last, names it."""
    toc = nav(entry("a.xhtml#p", "Part", entry("a.xhtml#c", "Chapter", entry("a.xhtml#s", "Section"))))
    text = page('<div id="p"><div id="c"><p id="s">Text.</p></div></div>')
    book = epub({"a.xhtml": text}, manifest=NAV_ITEM, OEBPS__nav_xhtml=toc)
    assert (Chapter("Chapter", 0),) == read("a.epub", book).chapters


PAGES = {
    "scripts and styles": (
        "<p>One.<script>a < b</script><style>p {}</style></p><p>Two.</p>",
        ["One.", "Two."],
    ),
    "an empty script element": ('<script src="x"/><p>One.</p>', ["One."]),
    "hidden elements": (
        '<p hidden="">No.</p><p style="display: none">No.</p><p aria-hidden="true">No.</p><p>One.</p>',
        ["One."],
    ),
    "footnotes and their references": (
        (
            '<p>One<a epub:type="noteref" href="#n">1</a><sup><a href="#n2">[2]</a></sup>.</p>'
            '<aside epub:type="footnote" id="n"><p>No.</p></aside><div role="doc-endnote">No.</div>'
        ),
        ["One."],
    ),
    "links that are not closed": (
        '<p><a href="#a">One <a href="#b">two</p><p>three</p>',
        ["One two", "three"],
    ),
    "links that are text": ('<p>See <a href="b.xhtml#c">Chapter 2</a>.</p>', ["See Chapter 2."]),
    "page numbers": ('<p>One <span epub:type="pagebreak">12</span>two.</p>', ["One two."]),
    "navigation": ("<nav><ol><li>No.</li></ol></nav><p>One.</p>", ["One."]),
    "ruby": ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字</p>", ["漢字"]),
    "pictures": ('<p><img alt="No" src="x"/>One.</p><svg><text>No</text></svg>', ["One."]),
    "tables": (
        "<table><tr><th>A</th><th>B</th></tr>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr></table>",
        ["A, B", "1, 2"],
    ),
    "lists": ("<ul><li>One</li><li>Two<ol><li>Three</li></ol></li></ul>", ["One", "Two", "Three"]),
    "text outside of paragraphs": ("One <div>Two<p>Three</p>Four</div>", ["One", "Two", "Three", "Four"]),
    "lines of verse": ("<p>One,<br/>two.</p><pre>Three,\n four.</pre>", ["One,", "two.", "Three,", "four."]),
    "entities": ("<p>&lt;One&gt; &nbsp;&hellip; &#x201C;two&#8221;</p>", ["<One> … “two”"]),
    "comments and CDATA": ("<p>One<!-- <p>No. --> <![CDATA[<two> &amp;]]></p>", ["One <two> &amp;"]),
    "a stray less-than": ("<p>1 < 2 and <3.</p>", ["1 < 2 and <3."]),
    "tags that are not closed": ("<p>One.<p>Two <b>bold<p>Three.", ["One.", "Two bold", "Three."]),
    "a quote that is not closed": ('<p class="a>One.</p><p>Two.</p>', ["One.", "Two."]),
    "a page that is cut off": ("<p>One.</p><p>Two <a hre", ["One.", "Two"]),
}


@pytest.mark.parametrize(("body", "spoken"), PAGES.values(), ids=PAGES.keys())
def test_of_a_page_the_text_is_spoken(body: str, spoken: list[str]) -> None:
    """What a reader would read aloud, however broken the page is."""
    assert spoken == texts(good("a.epub", epub({"a.xhtml": page(body)})))


def test_what_is_no_part_of_the_reading_order_is_left_out() -> None:
    """The table of contents, pages that the guide names as one, and those that are not linear."""
    container_of = epub(
        {"a.xhtml": page("<p>One.</p>"), "b.xhtml": page("<p>Two.</p>"), "c.xhtml": page("<p>Three.</p>")}
    )
    assert ["One.", "Two.", "Three."] == texts(good("a.epub", container_of))
    opf = """<package><manifest>
        <item id="a" href="a.xhtml"/><item id="b" href="b.xhtml"/><item id="c" href="c.xhtml"/>
        <item id="d" href="d.png" media-type="image/png"/></manifest>
        <spine><itemref idref="c"/><itemref idref="a" linear="no"/>
        <itemref idref="b"/><itemref idref="d"/></spine>
        <guide><reference type="toc" href="b.xhtml#x"/></guide></package>"""
    pages = {name: page(f"<p>{name}</p>") for name in ("a.xhtml", "b.xhtml", "c.xhtml")}
    assert ["c.xhtml"] == texts(good("a.epub", epub(pages, OEBPS__content_opf=opf)))


def test_paths_are_resolved() -> None:
    """From the package document, percent-decoded, in either case."""
    opf = """<package><manifest><item id="a" href="../Text/the%20page.XHTML"/></manifest>
        <spine><itemref idref="a"/></spine></package>"""
    book = epub({}, OEBPS__content_opf=opf, **{"Text__the page_xhtml": page("<p>One.</p>")})
    assert ["a.epub: Text/the page.XHTML paragraph 1"] == [line.place for line in good("a.epub", book)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1251"])
def test_pages_are_decoded_as_they_declare(encoding: str) -> None:
    """In their XML declaration, or by a byte order mark."""
    text = "да" if encoding == "windows-1251" else "déjà"
    xhtml = f'<?xml version="1.0" encoding="{encoding}"?><p>{text}</p>'
    assert [text] == texts(good("a.epub", epub({"a.xhtml": ""}, OEBPS__a_xhtml=xhtml.encode(encoding))))


@pytest.mark.parametrize("cover", [b"GIF89a", b"", PNG + bytes(17 << 20)])
def test_a_cover_that_no_player_shows_is_left_out(cover: bytes) -> None:
    """With a warning; the book is good."""
    item = '<item id="p" href="c.png" media-type="image/png" properties="cover-image"/>'
    script = read("a.epub", epub({"a.xhtml": page("<p>x</p>")}, manifest=item, OEBPS__c_png=cover))
    assert (None, ()) == (script.cover, script.faults)
    what = "the cover is not a JPEG or PNG of at most 16 MiB; it is left out"
    assert [f"a.epub: OEBPS/c.png: {what}"] == warnings_of(script)


def test_a_cover_may_be_found_by_its_name() -> None:
    """And be missing from the archive."""
    item = '<item id="p" href="my-Cover.jpg" media-type="image/jpeg"/>'
    pages = {"a.xhtml": page("<p>x</p>")}
    assert JPEG == read("a.epub", epub(pages, manifest=item, **{"OEBPS__my-Cover_jpg": JPEG})).cover
    assert ["a.epub: OEBPS/my-Cover.jpg: the cover is missing from the archive"] == warnings_of(
        read("a.epub", epub(pages, manifest=item))
    )


def test_obfuscated_fonts_are_no_drm() -> None:
    """Many books without DRM have them."""
    method = '<EncryptionMethod Algorithm="http://www.idpf.org/2008/embedding"/>'
    encryption = f"<encryption><EncryptedData>{method}</EncryptedData></encryption>"
    book = epub({"a.xhtml": page("<p>One.</p>")}, **{"META-INF__encryption_xml": encryption})
    assert ["One."] == texts(good("a.epub", book))


def test_a_book_of_200_mb_is_read_without_its_pictures() -> None:
    """They are its bulk."""
    picture = os.urandom(20 << 20)
    pictures = {f"OEBPS__p{n}_jpg": picture for n in range(10)}
    book = epub(
        {f"c{n}.xhtml": page("<h1>One</h1>" + "<p>A paragraph.</p>" * 100) for n in range(50)}, **pictures
    )
    assert len(book) > 200 << 20
    assert 5_050 == len(good("a.epub", book))


def test_faults_of_several_pages_come_together() -> None:
    """Each with its page."""
    opf = """<package><manifest><item id="a" href="a.xhtml"/><item id="b" href="../../etc/passwd"/>
        <item id="c" href="c.xhtml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/>
        <itemref idref="c"/><itemref idref="d"/></spine></package>"""
    book = epub({}, OEBPS__content_opf=opf, OEBPS__c_xhtml=b"<p>a</p>\n\0")
    assert [
        'a.epub: OEBPS/content.opf: its spine names "d", which is not in its manifest',
        "a.epub: OEBPS/a.xhtml: is missing from the archive",
        "a.epub: ../etc/passwd: is missing from the archive",
        (
            "a.epub: OEBPS/c.xhtml:2: holds NUL bytes: it is not a text, or it is UTF-16; "
            'then set [script] encoding = "utf-16-le"'
        ),
    ] == faults_of(read("a.epub", book))
