"""The requests of the page's script, answered in JSON, audio and events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fishd.core.model.limits import MIB, Limits
from fishd.core.text.timestamps import rfc3339
from fishd.core.text.to_json import as_json
from fishd.review import uploads
from fishd.review.approvals import write_approved
from fishd.review.hub import Hub
from fishd.review.job_cache import JobCache
from fishd.review.media import serve_file
from fishd.review.peaks import Peaks
from fishd.review.requests import Asked, Requests
from fishd.review.results import JobList, JobRow, result_version

BODY_BYTES = 8 * MIB
CHUNK_BYTES = 1 << 16
MAX_CLIPS = 64  # whose peaks are asked for at once
MAX_UPLOADS = 2
T = TypeVar("T")


class JobsAnswer(msgspec.Struct, frozen=True):
    jobs: list[JobRow]


class PeaksAsked(msgspec.Struct, frozen=True):
    clips: tuple[str, ...]


class ApprovedLine(msgspec.Struct, frozen=True):
    """`take` is the version of the line that was heard; None withdraws the approval."""

    speaker: str
    id: str
    take: str | None


class ApprovalsAsked(msgspec.Struct, frozen=True):
    lines: tuple[ApprovedLine, ...]


class JobAnswer(msgspec.Struct, frozen=True):
    job: str


class Api:
    """The endpoints, with what they share. Work on the disk is done in threads."""

    def __init__(self, root: Path, limits: Limits, hub: Hub, peaks: Peaks) -> None:
        self._root = root
        self._limits = limits
        self._hub = hub
        self._peaks = peaks
        self._jobs = JobList(root)
        self._requests = Requests(root)
        self._cache = JobCache(root, self._requests)
        # The mutable state.
        self._listing, self._drawing = asyncio.Lock(), asyncio.Lock()
        self._uploads = asyncio.Semaphore(MAX_UPLOADS)

    async def jobs(self, _: Request) -> Response:
        async with self._listing:
            rows = await asyncio.to_thread(self._jobs.rows)
        return json_response(as_json(JobsAnswer(rows)))

    async def job(self, request: Request) -> Response:
        """In chunks: a slow reader does not get a copy of its own of a whole job."""
        content = await self._cache.encoded(_job(request))
        headers = {"content-length": str(len(content))}
        return StreamingResponse(_chunks(content), media_type="application/json", headers=headers)

    async def events(self, _: Request) -> Response:
        if self._hub.is_full:
            raise HTTPException(503, "Too many pages are open; close some.")
        return StreamingResponse(self._hub.events(), media_type="text/event-stream")

    async def file(self, request: Request) -> Response:
        path, is_download = request.path_params["path"], "download" in request.query_params
        return await asyncio.to_thread(serve_file, self._root, _job(request), path, is_download=is_download)

    async def peaks(self, request: Request) -> Response:
        asked = await read_body(request, PeaksAsked)
        clips = asked.clips[:MAX_CLIPS]
        async with self._drawing:
            found = await asyncio.to_thread(self._peaks.of, self._root, _job(request), clips)
        return json_response(msgspec.json.encode(found))

    async def revise(self, request: Request) -> Response:
        """Ask for a revision: retake, edit, choose."""
        job, asked = _job(request), await read_body(request, Asked)
        await asyncio.to_thread(result_version, self._root, job)
        added = await self._requests.add(job, asked)
        self._hub.publish(job)
        return json_response(as_json(added), 202)

    async def approve(self, request: Request) -> Response:
        job, asked = _job(request), await read_body(request, ApprovalsAsked)
        takes = {(line.speaker, line.id): line.take for line in asked.lines}
        await asyncio.to_thread(write_approved, self._root, job, takes, rfc3339(time.time()))
        self._hub.publish(job)
        return Response(status_code=204)

    async def upload(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        if self._uploads.locked():
            raise HTTPException(503, "Other files are being received; drop it again when they are in.")
        async with self._uploads:
            job = await uploads.receive(request.stream(), name, self._root, self._limits)
        return json_response(as_json(JobAnswer(job)), 201)


def json_response(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type="application/json")


async def read_body(request: Request, kind: type[T]) -> T:
    """Raises HTTPException if it is too long or not of this kind."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise HTTPException(413, "The request is too long.")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise HTTPException(400, f"The request cannot be read: {error}") from error


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]


def _job(request: Request) -> str:
    return str(request.path_params["job"])
