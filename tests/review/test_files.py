"""Files of a result: ranges, names that lead elsewhere, files that are not audio, jobs that vanish."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.review.review_server import ReviewServer
from tests.review.review_spool import make_job
from tests.shell.cli import LIMIT_S

CLIP = "/files/Episode/clips/Ada/001.wav"


def test_a_clip_is_served_whole(server: ReviewServer, root: Path) -> None:
    """As audio, with its length."""
    content = (root / "outbox/Episode/clips/Ada/001.wav").read_bytes()
    answer = server.request(CLIP)

    assert (200, content, "audio/wav") == (answer.status, answer.body, answer.headers["content-type"])
    assert "bytes" == answer.headers["accept-ranges"]


@pytest.mark.parametrize(
    ("wanted", "start", "end"), [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-44", -44, None)]
)
def test_a_part_of_a_clip(server: ReviewServer, root: Path, wanted: str, start: int, end: int | None) -> None:
    """A player seeks with these."""
    content = (root / "outbox/Episode/clips/Ada/001.wav").read_bytes()
    answer = server.request(CLIP, range=wanted)

    assert (206, content[start:end]) == (answer.status, answer.body)
    assert answer.headers["content-range"].endswith(f"/{len(content)}")


def test_a_part_beyond_the_end_is_refused(server: ReviewServer) -> None:
    """With the length that there is."""
    answer = server.request(CLIP, range="bytes=99999999-")

    assert 416 == answer.status
    assert answer.headers["content-range"].startswith("bytes */")


def test_a_part_of_a_changed_file_is_the_whole_file(server: ReviewServer) -> None:
    """So that a player does not join two takes."""
    assert 200 == server.request(CLIP, range="bytes=0-9", if_range='"another"').status


@pytest.mark.parametrize(
    "ranges", ["bytes=" + ",".join(f"{n}-" for n in range(2_000)), "bytes=9-1", "bytes=x"]
)
def test_absurd_ranges_do_no_harm(server: ReviewServer, ranges: str) -> None:
    """They are merged or refused."""
    answer = server.request(CLIP, range=ranges)

    assert answer.status in (200, 206, 400, 416)
    assert len(answer.body) < 100_000


@pytest.mark.parametrize(
    "path",
    [
        "/files/Episode/../../../config.toml",
        "/files/Episode/..%2f..%2f..%2fconfig.toml",
        "/files/Episode/%2e%2e/%2e%2e/status.json",
        "/files/../inbox/secret.wav",
        "/files/..%2finbox/secret.wav",
        "/files/%2e%2e/inbox/secret.wav",
        "/files/.hidden/secret.wav",
        "/files/Episode//etc/passwd",
        "/files/Episode/%2fetc%2fpasswd",
        "/files/Episode/clips/link.wav",
        "/files/Episode/linked/001.wav",
        "/files/Linked/clips/Ada/001.wav",
        "/files/Episode/clips/fifo.wav",
        "/files/Episode/clips",
        "/files/Episode/",
        "/files/Episode/clips/Ada/001.wav%00.txt",
        "/files/Episode/" + "a/" * 2_000,
        "/static/../app.py",
        "/static/%2e%2e/job.html",
        "/static/..%2fjob.html",
    ],
)
def test_no_path_leads_out_of_the_result(server: ReviewServer, root: Path, path: str) -> None:
    """Neither do links, a job that is one, special files and NULs."""
    _lay_traps(root)
    answer = server.request(path)

    assert 404 == answer.status
    assert b"secret" not in answer.body


@pytest.mark.parametrize("name", ["summary.html", "x.svg", "x.js", "result.json"])
def test_what_is_not_audio_is_only_downloaded(server: ReviewServer, root: Path, name: str) -> None:
    """A page in a result would run as a part of this one."""
    path = root / "outbox/Episode" / name
    if not path.exists():
        path.write_text("<script>alert(1)</script>")
    answer = server.request(f"/files/Episode/{name}")

    assert (200, "application/octet-stream") == (answer.status, answer.headers["content-type"])
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_track_is_downloaded_under_its_name(server: ReviewServer) -> None:
    """Not played in a tab."""
    answer = server.request(f"{CLIP}?download")

    assert 'attachment; filename="001.wav"' == answer.headers["content-disposition"]


def test_a_job_that_vanishes_is_played_to_its_end(server: ReviewServer, root: Path) -> None:
    """Then it is not found any more, for the page to say so."""
    folder = make_job(root, "Vanishing")
    clip = folder / "clips/Ada/001.wav"
    with clip.open("ab") as file:
        file.write(bytes(30_000_000))  # more than the sockets' buffers hold
    path = "/files/Vanishing/clips/Ada/001.wav"
    cookie = f"Cookie: {server.cookie}\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n"
        connection.sendall(head.encode())
        received = connection.recv(1000)
        size = clip.stat().st_size
        shutil.rmtree(folder)
        total = len(received)
        while block := connection.recv(1 << 20):
            total += len(block)

    assert size < total < size + 2_000
    gone = server.request(path)
    assert (404, "clips/Ada/001.wav of Vanishing is missing") == (gone.status, gone.error)
    assert 404 == server.request("/api/jobs/Vanishing").status


def _lay_traps(root: Path) -> None:
    secret = root / "inbox" / "secret.wav"
    secret.write_bytes(b"secret")
    result = root / "outbox/Episode"
    links = {
        result / "clips/link.wav": secret,
        result / "linked": result / "clips/Ada",
        root / "outbox/Linked": result,
        root / "outbox/.hidden": root / "inbox",
    }
    for link, target in links.items():
        if not link.is_symlink():
            link.symlink_to(target)
    if not (result / "clips/fifo.wav").exists():
        os.mkfifo(result / "clips/fifo.wav")
