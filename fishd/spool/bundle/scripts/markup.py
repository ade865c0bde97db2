"""A tolerant tokeniser for untrusted XML and XHTML, in linear time.

It reads no DTD, so no entity is defined, expanded or fetched; only HTML's own are decoded. XML parsers
reject the malformed pages that many books have. The standard library's html.parser raises on some of them,
and takes quadratic time on malformed input (CVE-2025-6069): 12 s for 16,000 unfinished tags.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

_TAG = re.compile(r"""<(/?)([A-Za-z_][^\s/>]*+)((?:[^=>]++|=\s*+"[^"]*+"|=\s*+'[^']*+'|=)*+)>""")
_IS_TAG = re.compile(r"</?[A-Za-z_]")
_ATTRIBUTE = re.compile(r"""([^\s=/"'<>]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++)))?""")
_MOST_ATTRIBUTES = 100
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\dA-Fa-f]{1,6}|[A-Za-z][A-Za-z\d]{1,31});")
_END_OF_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style")}
_CDATA = "<![CDATA["


@dataclass(frozen=True, slots=True)
class Start:
    """A start tag, names in lower case; `is_empty` as in `<br/>`. A prefix is cut off the tag's name only."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """An end tag."""

    name: str


def tokens(markup: str) -> Iterator[Start | End | str]:
    """Tags and texts in their order; a text may come in pieces. An unfinished tag ends the markup."""
    at = 0
    while (found := markup.find("<", at)) >= 0:
        if found > at:
            yield unescape(markup[at:found])
        if markup.startswith(("<!", "<?"), found):
            text, at = _declaration(markup, found)
            yield text
        elif tag := _TAG.match(markup, found):
            yield (token := _tag(tag))
            at = tag.end()
            if isinstance(token, Start) and token.name in _END_OF_RAW and not token.is_empty:
                end = _END_OF_RAW[token.name].search(markup, at)
                at = end.start() if end else len(markup)
        elif _IS_TAG.match(markup, found):
            return
        else:
            yield "<"
            at = found + 1
    yield unescape(markup[at:])


def unescape(text: str) -> str:
    """`&amp;` and `&#8217;` decoded; what is no entity of HTML is left as it stands."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def _declaration(markup: str, start: int) -> tuple[str, int]:
    """The text of a CDATA section, "" for comments, instructions and the doctype; and where it ends."""
    if markup.startswith(_CDATA, start):
        end = _after(markup, "]]>", start)
        return markup[start + len(_CDATA) : end].removesuffix("]]>"), end
    if markup.startswith("<!--", start):
        return "", _after(markup, "-->", start + len("<!--"))
    end = _after(markup, ">", start)
    has_subset = markup.startswith("<!", start) and "[" in markup[start:end]
    return "", _after(markup, "]>", start) if has_subset else end


def _after(markup: str, mark: str, start: int) -> int:
    found = markup.find(mark, start)
    return len(markup) if found < 0 else found + len(mark)


def _tag(tag: re.Match[str]) -> Start | End:
    name = tag[2].rpartition(":")[2].lower()
    if tag[1]:
        return End(name)
    attributes: dict[str, str] = {}
    for written in islice(_ATTRIBUTE.finditer(tag[3]), _MOST_ATTRIBUTES):
        attributes.setdefault(written[1].lower(), unescape(written[2] or written[3] or written[4] or ""))
    return Start(name, attributes, is_empty=tag[3].endswith("/"))
