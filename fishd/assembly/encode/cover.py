"""A book's cover: a JPEG or PNG, told by its first bytes and not by its name."""

from __future__ import annotations

from pathlib import Path

MAX_COVER_BYTES = 16 << 20
_SIGNATURES = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PNG\r\n\x1a\n": "png_pipe"}


def cover_format(content: bytes) -> str | None:
    """The name of FFmpeg's demuxer for it; None for anything but a JPEG or PNG."""
    return next((name for signature, name in _SIGNATURES.items() if content.startswith(signature)), None)


def read_cover(path: Path) -> tuple[bytes, str]:
    """The picture and "", or nothing and what is wrong with it. Raises OSError."""
    with path.open("rb") as file:
        content = file.read(MAX_COVER_BYTES + 1)
    if len(content) > MAX_COVER_BYTES:
        return b"", f"{path.name}: the cover is larger than {MAX_COVER_BYTES >> 20} MiB; the book has none"
    if cover_format(content) is None:
        return b"", f"{path.name}: the cover is neither JPEG nor PNG; the book has none"
    return content, ""
