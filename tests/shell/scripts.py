"""Reading scripts in tests: what was read, as short as it can be compared."""

from __future__ import annotations

import io
import zipfile

from fishd.spool.bundle.scripts.model import Script, ScriptLine, ScriptSettings
from fishd.spool.bundle.scripts.read import read_script

CONTAINER = """<?xml version="1.0"?>
<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">
<rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>"""


def read(name: str, content: str | bytes, **settings: object) -> Script:
    """The script in this file, by these keys of [script]."""
    written = content.encode() if isinstance(content, str) else content
    return read_script(name, written, ScriptSettings(**settings))  # type: ignore[arg-type]


def good(name: str, content: str | bytes, **settings: object) -> tuple[ScriptLine, ...]:
    """The lines of a script that has nothing wrong with it."""
    script = read(name, content, **settings)
    assert () == script.faults
    assert () == script.warnings
    return script.lines


def said(lines: tuple[ScriptLine, ...]) -> list[tuple[str, str]]:
    """(speaker, text) of each line, with the text of those that are skipped in angle brackets."""
    return [(line.speaker, f"<{line.text}>" if line.is_skipped else line.text) for line in lines]


def texts(lines: tuple[ScriptLine, ...]) -> list[str]:
    """The text of each line, in angle brackets if it is skipped."""
    return [text for _, text in said(lines)]


def faults_of(script: Script) -> list[str]:
    """The faults as a user reads them."""
    return [str(fault) for fault in script.faults]


def warnings_of(script: Script) -> list[str]:
    """The warnings as a user reads them."""
    return [str(warning) for warning in script.warnings]


def srt(*texts: str) -> str:
    """A cue a second, for each text."""
    return "".join(
        f"{n}\n00:00:{n:02d},000 --> 00:00:{n:02d},900\n{text}\n\n" for n, text in enumerate(texts, 1)
    )


def epub(pages: dict[str, str], *, manifest: str = "", metadata: str = "", **files: str | bytes) -> bytes:
    """A book of these pages in their order; `files` replace or add members (keys as OEBPS__nav_xhtml)."""
    items = "".join(
        f'<item id="{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(pages)
    )
    spine = "".join(f'<itemref idref="{n}"/>' for n in range(len(pages)))
    opf = f"""<package xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">
        <metadata>{metadata}</metadata><manifest>{items}{manifest}</manifest><spine>{spine}</spine></package>"""
    members: dict[str, str | bytes] = {"META-INF/container.xml": CONTAINER, "OEBPS/content.opf": opf}
    members |= {f"OEBPS/{name}": page for name, page in pages.items()}
    members |= {member_name(key): content for key, content in files.items()}
    return packed(members)


def member_name(key: str) -> str:
    """`OEBPS__nav_xhtml` -> `OEBPS/nav.xhtml`."""
    return ".".join(key.replace("__", "/").rsplit("_", 1))


def packed(members: dict[str, str | bytes]) -> bytes:
    """A ZIP archive; bytes, such as pictures, are stored as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if isinstance(content, bytes) else None)
    return file.getvalue()


def page(body: str) -> str:
    """An XHTML page."""
    return f'<?xml version="1.0" encoding="utf-8"?><html xmlns:epub="x"><body>{body}</body></html>'
