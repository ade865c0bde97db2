"""Files of a result for a browser: audio to play, in ranges, and everything else as a download.

A result may hold a page or a script, which must never run as a part of this page: only audio has its type.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from fishd.review.results import open_file

AUDIO_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
}


class OpenFileResponse(FileResponse):
    """Serves a file that is open, so that nobody can put another in its place; closes it at the end.

    It is played to its end even if its job goes meanwhile.
    """

    def __init__(self, fd: int, name: str, *, is_download: bool) -> None:
        self._fd = fd
        media_type = AUDIO_TYPES.get(PurePosixPath(name).suffix.lower())
        is_attached = is_download or media_type is None
        super().__init__(
            f"/proc/self/fd/{fd}",
            media_type=media_type or "application/octet-stream",
            filename=name if is_attached else None,
            headers={"cache-control": "private, no-cache"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._fd)


def serve_file(root: Path, job: str, relative: str, *, is_download: bool) -> OpenFileResponse:
    """Raises NoSuchJob."""
    with open_file(root, job, relative) as fd:
        return OpenFileResponse(os.dup(fd), PurePosixPath(relative).name, is_download=is_download)
