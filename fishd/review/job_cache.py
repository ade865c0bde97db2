"""The jobs that were asked for last, as JSON; one is made again when a part of it has changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fishd.core.text.to_json import as_json
from fishd.review.approvals import REVIEW
from fishd.review.job_view import view_job
from fishd.review.requests import Request, Requests, with_faults
from fishd.review.results import NoSuchJob, Version, open_file, result_version

MAX_JOBS = 3


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a job's JSON is made from."""

    result: Version
    review: Version | None
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class _Made:
    """A job's JSON. The result has the `published` requests."""

    parts: _Parts
    content: bytes
    published: frozenset[str]


class JobCache:
    """Of many requests for one job, one reads it. Used on the event loop."""

    def __init__(self, root: Path, requests: Requests) -> None:
        self._root = root
        self._requests = requests
        # The mutable state, changed by one thread at a time: the JSON of jobs by name, the oldest first.
        self._lock = asyncio.Lock()
        self._jobs: dict[str, _Made] = {}

    async def encoded(self, job: str) -> bytes:
        """JobView. Raises NoSuchJob."""
        async with self._lock:
            requests = self._requests.of(job)
            made = await asyncio.to_thread(self._made, job, requests)
            self._requests.forget(request.name for request in requests if request.name in made.published)
            return made.content

    def _made(self, job: str, requests: Sequence[Request]) -> _Made:
        parts = self._parts(job, requests)
        known = self._jobs.pop(job, None)
        if known is None or known.parts != parts:
            view = view_job(self._root, job, parts.requests)
            published = {one.name for one in requests} - {one.name for one in view.requests}
            known = _Made(parts, as_json(view), frozenset(published))
        self._jobs[job] = known
        while len(self._jobs) > MAX_JOBS:
            del self._jobs[next(iter(self._jobs))]
        return known

    def _parts(self, job: str, requests: Sequence[Request]) -> _Parts:
        review = None
        with suppress(NoSuchJob), open_file(self._root, job, REVIEW) as fd:
            review = Version.of(os.fstat(fd))
        with_state = tuple(with_faults(self._root, request) for request in requests)
        return _Parts(result_version(self._root, job), review, with_state)
