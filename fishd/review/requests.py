"""The revisions that this server has asked for, until the result has them or the daemon refuses them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from fishd.core.revision.request import LineRevision, Revision
from fishd.spool.revision.request_file import RequestState, request_revision, request_state, why_refused

MAX_REQUESTS = 1_000  # kept; the oldest are forgotten first


class RequestedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line to speak again; with a `text`, that text; with a `take`, the kept take is chosen."""

    speaker: str
    id: str
    text: str | None = None
    take: int | None = None


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request from the page."""

    lines: tuple[RequestedLine, ...] = ()
    pronounce: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """A revision in progress, or refused: then it has faults. `name` is that of its file."""

    name: str
    lines: tuple[RequestedLine, ...]
    faults: tuple[str, ...] = ()


class Requests:
    """Used on the event loop; the disk is used in threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # The mutable state: each request with its job, by name, the oldest first.
        self._requests: dict[str, tuple[str, Request]] = {}

    async def add(self, job: str, asked: Asked) -> Request:
        """Write it into the inbox. Raises OSError."""
        lines = tuple(LineRevision(line.speaker, line.id, line.text, line.take) for line in asked.lines)
        revision = Revision(job, lines, asked.pronounce)
        name = await asyncio.to_thread(request_revision, self._root, revision)
        request = Request(name, asked.lines)
        self._requests[name] = (job, request)
        while len(self._requests) > MAX_REQUESTS:
            del self._requests[next(iter(self._requests))]
        return request

    def of(self, job: str) -> tuple[Request, ...]:
        """Those that are not known to be in the result."""
        return tuple(request for of_job, request in self._requests.values() if of_job == job)

    def forget(self, names: Iterable[str]) -> None:
        """They are in the result."""
        for name in names:
            self._requests.pop(name, None)


def with_faults(root: Path, request: Request) -> Request:
    """The request, with its faults if it was refused."""
    if request_state(root, request.name) is not RequestState.REFUSED:
        return request
    faults = why_refused(root, request.name) or ("was refused",)
    return msgspec.structs.replace(request, faults=faults)
