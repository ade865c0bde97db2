"""Runs the page: binds the address, prints the first URL, and serves until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from urllib.parse import quote

import uvicorn

from fishd.core.model.limits import Limits
from fishd.review.access import Access, bracketed, is_loopback
from fishd.review.app import make_app
from fishd.review.guard import Guard
from fishd.review.hub import Hub
from fishd.review.uploads import remove_abandoned

MAX_CONNECTIONS = 100  # a browser opens six; more are answered with 503
BACKLOG = 128
KEEP_ALIVE_S = 5
STOP_S = 3


class CannotListen(Exception):  # noqa: N818 - reads as what it is
    """The address cannot be used; the message says why, and what to do."""


class Page:
    """A server on a bound address. `url` is its first URL, with the token."""

    def __init__(self, root: Path, limits: Limits, host: str, port: int, cache: Path) -> None:
        """Waveforms are kept in the folder `cache`. Raises CannotListen."""
        self._root = root
        self._limits = limits
        self._cache = cache
        self._socket = _bind(host, port)
        self._access = Access(host, self._socket.getsockname()[1])

    def url(self, job: str | None = None) -> str:
        return self._access.url(f"/jobs/{quote(job, safe='')}" if job else "/")

    @property
    def warning(self) -> str:
        """What it means to listen on this address; "" for loopback."""
        if self._access.is_loopback:
            return ""
        return (
            f"the page listens on {self._access.host}: whoever can reach this machine and has the address "
            "with its token can hear and change every job, and the connection is not encrypted; "
            "over ssh (ssh -L 8765:localhost:8765 HOST) neither is the case"
        )

    def serve(self) -> None:
        """Until SIGINT or SIGTERM."""
        remove_abandoned(self._root, time.time())
        hub = Hub()
        config = uvicorn.Config(
            Guard(make_app(self._root, self._limits, hub, self._cache), self._access),
            http="h11",
            ws="none",
            lifespan="on",
            access_log=False,  # it would print the token
            log_level="warning",
            server_header=False,
            date_header=True,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
        )
        asyncio.run(_Server(config, hub).serve([self._socket]))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        fix = "choose another port with --port" if is_loopback(host) else "check --host and --port"
        raise CannotListen(
            f"{bracketed(host)}:{port}: cannot listen there: {error.strerror}; {fix}"
        ) from error
