"""`fishd review` as a process, and a client that can forge every header."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.shell.cli import LIMIT_S, command, environ


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return self.json["error"]


class ReviewServer:
    """A running server; `cookie` is what its token was exchanged for."""

    def __init__(self, process: subprocess.Popen[str], url: str, host: str) -> None:
        self.process = process
        self.url = url
        self.port = int(urlsplit(url).port or 0)
        self.host = host
        self.token = url.partition("token=")[2]
        self.path = urlsplit(url).path
        answer = self.request(f"{self.path}?token={self.token}", cookie="")
        self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def request(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        *,
        cookie: str | None = None,
        **headers: str,
    ) -> Answer:
        """`headers` replace those of a browser; a name's `_` is a `-`. "" leaves one out."""
        given = {"cookie": self.cookie if cookie is None else cookie, "host": f"{self.host}:{self.port}"}
        if method != "GET":
            given["origin"] = f"http://{self.host}:{self.port}"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT_S)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self.request(path, "POST", json.dumps(body).encode(), **headers)

    @property
    def memory_mb(self) -> float:
        """The most that it has held at once."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    @contextmanager
    def events(self) -> Iterator[Iterator[tuple[str, Any]]]:
        """The server-sent events: names and data."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT_S)
        connection.request("GET", "/api/events", headers={"cookie": self.cookie})
        response = connection.getresponse()
        assert 200 == response.status
        try:
            yield _events(response)
        finally:
            response.close()
            connection.close()


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    name = ""
    while line := response.readline().decode().rstrip("\n"):
        kind, _, value = line.partition(": ")
        if kind == "event":
            name = value
        elif kind == "data":
            yield name, json.loads(value)
            response.readline()


@contextmanager
def review_server(
    folder: Path, *arguments: str, host: str = "127.0.0.1", wrapper: Sequence[str] = ()
) -> Iterator[ReviewServer]:
    """A server of the spool in this folder, on a free port."""
    with (
        (folder / "review.log").open("ab") as log,
        subprocess.Popen(
            [*wrapper, *command("review", "--port", "0", "--config", folder / "config.toml", *arguments)],
            env=environ(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert url, (folder / "review.log").read_text()
            yield ReviewServer(process, url, host)
        finally:
            process.terminate()
            process.wait(LIMIT_S)
