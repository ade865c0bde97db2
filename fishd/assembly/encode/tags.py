"""What an audio file says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from fishd.core.delivery.chapters import ChapterMark


@dataclass(frozen=True, slots=True)
class Tags:
    """`language` is a BCP 47 tag; `cover` is a JPEG's or PNG's bytes. Whatever is empty is left out."""

    title: str = ""
    author: str = ""
    language: str = ""
    cover: bytes = b""
    chapters: tuple[ChapterMark, ...] = ()


NO_TAGS = Tags()
