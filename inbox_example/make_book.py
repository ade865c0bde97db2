"""Make book/lamp-room.epub: an EPUB 3 of four chapters with a cover.

    python inbox_example/make_book.py [OUT]

Text and picture were made for this project and are under its licence. The file is the same bit for bit at
every run with the same zlib.
"""

from __future__ import annotations

import struct
import sys
import zipfile
import zlib
from pathlib import Path
from xml.sax.saxutils import escape

BOOK = Path(__file__).resolve().parent / "book" / "lamp-room.epub"
TITLE, AUTHOR = "The Lamp Room", "Ines Harrow"
IDENTIFIER = "urn:uuid:5b1f0f1e-6c0a-4c57-9d6a-0b6f3f2a7c11"
MODIFIED = "2026-11-25T00:00:00Z"

CHAPTERS = (
    (
        "The Key",
        """
        The key came in the post, wrapped in a page of the tide table. There was no letter with it, and none
        was needed.

        My aunt had kept the lamp on Sorrel Point for forty years. She had always said that the door would go
        to whoever was least afraid of the dark. I was nine when I told her that it was me.
        """,
    ),
    (
        "The Stairs",
        """
        There are one hundred and twelve steps. I counted them twice, once with my feet and once with my
        breath, and the second count was longer.

        “You will stop counting,” she used to say. “The stairs do it for you.”
        """,
    ),
    (
        "The Wick",
        """
        The lamp was smaller than I remembered. Somebody had trimmed the wick, filled the tank, and left three
        matches on the sill, side by side.

        The first one broke. The second one went out. I looked at the third for a long time, and at the water,
        which was nearly black.
        """,
    ),
    (
        "The Light",
        """
        It caught. The room turned gold, then the glass, then the first of the waves. Far out, a small boat
        changed its course by the width of a hand.

        In the log there was a fresh page, and in her own writing, one line: lamp lit at dusk. She had left me
        the rest of the page.
        """,
    ),
)

CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles>
    <rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/>
  </rootfiles>
</container>
"""


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else BOOK
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w") as book:
        add(book, "mimetype", b"application/epub+zip", zipfile.ZIP_STORED)  # the first, and not packed
        for name, text in pages().items():
            add(book, name, text.encode())
        add(book, "EPUB/cover.png", cover())
    print(f"{out}: {out.stat().st_size / 1000:.1f} kB")


def add(book: zipfile.ZipFile, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> None:
    book.writestr(zipfile.ZipInfo(name), content, method)  # dated 1980, and not today


def pages() -> dict[str, str]:
    """Every text of the book by its name."""
    chapters = {f"EPUB/chapter{n}.xhtml": chapter(*named) for n, named in enumerate(CHAPTERS, 1)}
    return {
        "META-INF/container.xml": CONTAINER,
        "EPUB/package.opf": package(),
        "EPUB/nav.xhtml": contents(),
        **chapters,
    }


def package() -> str:
    numbers = range(1, len(CHAPTERS) + 1)
    items = "\n".join(
        f'    <item id="c{n}" href="chapter{n}.xhtml" media-type="application/xhtml+xml"/>' for n in numbers
    )
    spine = "\n".join(f'    <itemref idref="c{n}"/>' for n in numbers)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:identifier id="id">{IDENTIFIER}</dc:identifier>
    <dc:title>{TITLE}</dc:title>
    <dc:creator>{AUTHOR}</dc:creator>
    <dc:language>en</dc:language>
    <meta property="dcterms:modified">{MODIFIED}</meta>
  </metadata>
  <manifest>
    <item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
    <item id="cover" href="cover.png" media-type="image/png" properties="cover-image"/>
{items}
  </manifest>
  <spine>
{spine}
  </spine>
</package>
"""


def contents() -> str:
    entries = "\n".join(
        f'      <li><a href="chapter{n}.xhtml">{escape(title)}</a></li>'
        for n, (title, _) in enumerate(CHAPTERS, 1)
    )
    return page(
        "Contents", f'  <nav epub:type="toc">\n    <ol>\n{entries}\n    </ol>\n  </nav>', _EPUB_NAMESPACE
    )


def chapter(title: str, text: str) -> str:
    paragraphs = "\n".join(
        f"  <p>{escape(' '.join(part.split()))}</p>" for part in text.strip().split("\n\n")
    )
    return page(title, f"  <h1>{escape(title)}</h1>\n{paragraphs}")


_EPUB_NAMESPACE = ' xmlns:epub="http://www.idpf.org/2007/ops"'


def page(title: str, body: str, namespace: str = "") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"{namespace} lang="en" xml:lang="en">
<head><title>{escape(title)}</title></head>
<body>
{body}
</body>
</html>
"""


# ---- the cover: a lighthouse at night, in seven flat colours --------------------------------------------

WIDTH, HEIGHT = 400, 600
NIGHT, SEA, ROCK, TOWER, BAND, LAMP, BEAM = range(7)
PALETTE = bytes.fromhex("14213d 0b3c5d 22262b f2ead8 b23a2e ffd166 5f6a5a")


def cover() -> bytes:
    """A PNG with a palette."""
    rows = b"".join(b"\0" + bytes(colour(x, y) for x in range(WIDTH)) for y in range(HEIGHT))
    header = struct.pack(">2I5B", WIDTH, HEIGHT, 8, 3, 0, 0, 0)  # 8 bits, indexed
    chunks = ((b"IHDR", header), (b"PLTE", PALETTE), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(png_chunk, *zip(*chunks, strict=True)))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def colour(x: int, y: int) -> int:
    """The tower's foot is at (200, 480), its lamp at (200, 190)."""
    beside, below = abs(x - 200), y - 190
    if beside <= 26 and abs(below) <= 24:
        return LAMP
    if 24 < below <= 290 and beside <= 30 + below / 9:
        return BAND if below // 66 % 2 else TOWER
    if -44 <= below < -24 and beside <= below + 50:
        return BAND
    if y >= 480:
        return ROCK if beside <= 90 + (y - 480) else SEA
    return BEAM if x > 200 and abs(below) <= 24 + beside / 4 else NIGHT


if __name__ == "__main__":
    main()
