"""The web application: its addresses, its pages, and how errors are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fishd.core.model.limits import Limits
from fishd.review.api import Api
from fishd.review.hub import Hub
from fishd.review.peaks import Peaks
from fishd.review.results import NoSuchJob
from fishd.review.uploads import BadUpload
from fishd.review.watch import watch
from fishd.spool.errors import SpoolError, disk_error
from fishd.view.page.page import asset

PAGES = Path(str(files("fishd.review") / "pages"))
Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(root: Path, limits: Limits, hub: Hub, cache: Path) -> Starlette:
    """The application for a spool; it watches the spool for as long as it runs."""
    peaks = Peaks(cache)
    api = Api(root, limits, hub, peaks)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch(root, hub))
            yield
            watching.cancel()
        peaks.close()

    return Starlette(routes=_routes(api), exception_handlers=_handlers(), lifespan=lifespan)


def _routes(api: Api) -> list[Route | Mount]:
    return [
        Route("/", _page("jobs.html")),
        Route("/jobs/{job}", _page("job.html")),
        Route("/static/page.css", _style),
        Mount("/static", StaticFiles(directory=PAGES / "static")),
        Route("/api/events", api.events),
        Route("/api/jobs", api.jobs),
        Route("/api/jobs", api.upload, methods=["POST"]),
        Route("/api/jobs/{job}", api.job),
        Route("/api/jobs/{job}/peaks", api.peaks, methods=["POST"]),
        Route("/api/jobs/{job}/revisions", api.revise, methods=["POST"]),
        Route("/api/jobs/{job}/approvals", api.approve, methods=["POST"]),
        Route("/files/{job}/{path:path}", api.file),
    ]


def _page(name: str) -> Endpoint:
    async def page(_: Request) -> Response:
        return FileResponse(PAGES / name)

    return page


async def _style(_: Request) -> Response:
    """The style sheet of summary.html, on which the page's own is based."""
    return Response(asset("page.css"), media_type="text/css")


def _handlers() -> dict[type[Exception], Callable[[Request, Exception], Response]]:
    return {
        HTTPException: _http_error,
        NoSuchJob: lambda _, error: _error(404, error),
        BadUpload: lambda _, error: _error(400, error),
        ClientDisconnect: lambda _, error: _error(400, error),
        SpoolError: lambda _, error: _error(503, error),
        OSError: _disk_error,
    }


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail)


def _disk_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    return _error(503, disk_error(str(error.filename or "the spool"), "cannot be used", error))


def _error(status: int, what: object) -> Response:
    return JSONResponse({"error": str(what)}, status)
