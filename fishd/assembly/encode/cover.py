"""A book's cover: a JPEG or PNG of somebody else's making, told by its first bytes and not by its name."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av

_MAX_BYTES = 16 << 20
_MAX_PIXELS = 25_000_000
_DEMUXERS = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PNG\r\n\x1a\n": "png_pipe"}  # by their signatures


def read_cover(path: Path) -> tuple[bytes, str]:
    """The picture and "", or nothing and what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        return b"", f"{path.name}: the cover cannot be read ({error.strerror}); the book has none"
    fault = _fault_of(content)
    return (b"", f"{path.name}: the cover {fault}; the book has none") if fault else (content, "")


def open_picture(content: bytes) -> Any:
    """A container of one video stream, whose width is 0 if the picture is damaged or has too many pixels."""
    demuxer = next(name for signature, name in _DEMUXERS.items() if content.startswith(signature))
    limits: Any = [{"max_pixels": str(_MAX_PIXELS)}]  # PyAV's types say otherwise
    return av.open(io.BytesIO(content), format=demuxer, stream_options=limits)


def _fault_of(content: bytes) -> str:
    if len(content) > _MAX_BYTES:
        return f"is larger than {_MAX_BYTES >> 20} MiB"
    if not content.startswith(tuple(_DEMUXERS)):
        return "is neither JPEG nor PNG"
    with open_picture(content) as picture:
        is_whole = picture.streams.video[0].width > 0
    return "" if is_whole else f"is damaged, or has more than {_MAX_PIXELS:,} pixels"
