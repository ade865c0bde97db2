"""What the page changes: approvals, requests for revisions, new jobs; and the events that tell every page."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import threading
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fishd.core.model.limits import Limits
from fishd.review.approvals import write_approved
from fishd.spool.revision.request_file import parse_request
from tests.review.review_server import ReviewServer, review_server
from tests.review.review_spool import make_job, make_spool
from tests.shell.cli import LIMIT_S

ANNOUNCED = {"speaker": "Ada", "id": "001", "take": "digest-1"}


def approved(server: ReviewServer, job: str) -> list[str]:
    """The lines that the page shows as approved."""
    return [line["id"] for line in server.request(f"/api/jobs/{job}").json["lines"] if line.get("approved")]


def bundle(content: bytes = b"One line.\n") -> bytes:
    """A zip of a bundle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("Ada/lines.txt", content)
    return file.getvalue()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- approvals ------------------------------------------------------------------------------------------


def test_an_approval_is_kept_with_the_job(server: ReviewServer, root: Path) -> None:
    """In review.json, with the take that was heard; it can be withdrawn."""
    folder = make_job(root, "Approved")

    assert 204 == server.post("/api/jobs/Approved/approvals", {"lines": [ANNOUNCED]}).status
    review = json.loads((folder / "review.json").read_text())
    assert [ANNOUNCED] == [{key: one[key] for key in ANNOUNCED} for one in review["approved"]]
    assert ["001"] == approved(server, "Approved")
    server.post("/api/jobs/Approved/approvals", {"lines": [ANNOUNCED | {"take": None}]})
    assert [] == approved(server, "Approved")


def test_an_approval_of_another_take_does_not_count(server: ReviewServer, root: Path) -> None:
    """The line was spoken again while it was heard."""
    make_job(root, "Respoken")
    server.post("/api/jobs/Respoken/approvals", {"lines": [ANNOUNCED | {"take": "digest-of-a-former-take"}]})

    assert [] == approved(server, "Respoken")


def test_two_pages_that_approve_at_once_lose_nothing(server: ReviewServer, root: Path) -> None:
    """Of one server, and of another process."""
    make_job(root, "Twice", 20)
    lines = [{"speaker": "Ada", "id": f"{n:03}", "take": f"digest-{n}"} for n in range(1, 20)]
    threads = [
        threading.Thread(target=server.post, args=("/api/jobs/Twice/approvals", {"lines": [line]}))
        for line in lines[:10]
    ]
    for thread in threads:
        thread.start()
    for line in lines[10:]:
        write_approved(root, "Twice", {("Ada", line["id"]): line["take"]}, "now")
    for thread in threads:
        thread.join()

    assert [line["id"] for line in lines] == approved(server, "Twice")


def test_a_link_in_place_of_review_json_is_not_written_through(server: ReviewServer, root: Path) -> None:
    """It is replaced."""
    folder = make_job(root, "LinkedReview")
    outside = root / "outside.json"
    outside.write_text("kept")
    (folder / "review.json").symlink_to(outside)
    server.post("/api/jobs/LinkedReview/approvals", {"lines": [ANNOUNCED]})

    assert "kept" == outside.read_text()
    assert ["001"] == approved(server, "LinkedReview")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"lines": 3}', b"\xff", b'{"lines": [{"speaker": "Ada"}]}'])
def test_a_body_that_cannot_be_read_is_refused(server: ReviewServer, body: bytes) -> None:
    """With the reason."""
    answer = server.request("/api/jobs/Episode/approvals", "POST", body)

    assert 400 == answer.status
    assert answer.error.startswith("The request cannot be read")


def test_a_body_without_end_is_refused(server: ReviewServer) -> None:
    """Before it fills the memory."""
    assert 413 == server.request("/api/jobs/Episode/approvals", "POST", b" " * 9_000_000).status


def test_a_change_of_a_job_that_is_gone_is_refused(server: ReviewServer) -> None:
    """And makes nothing."""
    for what in ("approvals", "revisions"):
        assert 404 == server.post(f"/api/jobs/None/{what}", {"lines": [ANNOUNCED | {"take": None}]}).status


# ---- revisions ------------------------------------------------------------------------------------------


def test_a_request_for_a_revision_is_written_into_the_inbox(tmp_path: Path) -> None:
    """Without a daemon it waits, and the page shows it."""
    root = make_spool(tmp_path)
    make_job(root)
    lines = [
        {"speaker": "Ada", "id": "001", "text": "Other."},
        {"speaker": "Ada", "id": "002", "take": 2},
    ]
    with review_server(tmp_path) as server:
        answer = server.post("/api/jobs/Episode/revisions", {"lines": lines, "pronounce": {"Ada": "Eyda"}})
        (path,) = (root / "inbox").iterdir()
        revision, faults = parse_request(path.read_bytes(), path.name, Limits())

        assert (202, []) == (answer.status, faults)
        assert ("Episode", {"Ada": "Eyda"}) == (revision.job, revision.pronounce)
        assert [("001", "Other.", None), ("002", None, 2)] == [
            (line.id, line.text, line.take) for line in revision.lines
        ]
        assert [{"name": path.name, "lines": lines}] == server.request("/api/jobs/Episode").json["requests"]

        path.write_text("# refused: speaks of nobody\n")
        path.rename(root / "archive" / path.name)
        refused = server.request("/api/jobs/Episode").json["requests"][0]
        assert ["speaks of nobody"] == refused["faults"]


# ---- new jobs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"), [("Night.zip", bundle()), ("Day.srt", b"1\n"), ("Ünï.txt", b"x")]
)
def test_a_dropped_file_is_in_the_inbox(server: ReviewServer, root: Path, name: str, content: bytes) -> None:
    """Whole, under its name."""
    answer = server.request(f"/api/jobs?name={_quoted(name)}", "POST", content)

    assert (201, Path(name).stem) == (answer.status, answer.json["job"])
    assert content == (root / "inbox" / name).read_bytes()


def test_a_name_that_is_taken_gets_a_number(server: ReviewServer, root: Path) -> None:
    """Nothing is replaced: not in the outbox either."""
    for expected in ("Episode-2", "Episode-3"):
        assert expected == server.request("/api/jobs?name=Episode.txt", "POST", b"A line.").json["job"]
    assert (root / "inbox/Episode-3.txt").exists()


@pytest.mark.parametrize(
    "name", ["../../evil.zip", "/etc/cron.d/evil.txt", ".hidden.zip", "a\0b.txt", "x/../y.txt"]
)
def test_the_name_of_a_dropped_file_leads_nowhere(server: ReviewServer, root: Path, name: str) -> None:
    """It becomes a plain name in the inbox."""
    content = bundle() if name.endswith(".zip") else b"A line."
    answer = server.request(f"/api/jobs?name={_quoted(name)}", "POST", content)

    assert 201 == answer.status
    job = answer.json["job"]
    assert (root / "inbox" / f"{job}{Path(name).suffix}").is_file()
    assert "/" not in job
    assert not job.startswith(".")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("x.exe", b"MZ", "is neither a folder, an archive"),
        ("", b"", "is neither a folder, an archive"),
        ("half.zip", bundle()[:-20], "end is missing"),
        ("half.epub", b"PK\3\4", "is not a whole EPUB"),
    ],
)
def test_what_cannot_be_a_job_is_refused(
    server: ReviewServer, root: Path, name: str, content: bytes, error: str
) -> None:
    """The inbox stays as it is."""
    before = files_in(root / "inbox")
    answer = server.request(f"/api/jobs?name={name}", "POST", content)

    assert 400 == answer.status
    assert error in answer.error
    assert before == files_in(root / "inbox")


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    """That of config.toml; while it is received."""
    root = make_spool(tmp_path)
    with (tmp_path / "config.toml").open("a") as file:
        file.write("[limits]\nscript_bytes = 100000\n")
    with review_server(tmp_path) as server:
        answer = server.request("/api/jobs?name=long.txt", "POST", b"x" * 200_000)

    assert (400, "long.txt: is longer than 97.7 KiB, the limit") == (answer.status, answer.error)
    assert [] == files_in(root / "inbox")


def test_an_upload_that_breaks_off_leaves_nothing(server: ReviewServer, root: Path) -> None:
    """The browser was closed."""
    before = files_in(root / "inbox")
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S) as connection:
        host = f"localhost:{server.port}"
        headers = (
            f"Host: {host}\r\nOrigin: http://{host}\r\nCookie: {server.cookie}\r\nContent-Length: 9000000\r\n"
        )
        connection.sendall(f"POST /api/jobs?name=broken.txt HTTP/1.1\r\n{headers}\r\n".encode())
        connection.sendall(bytes(3_000_000))
        while before == files_in(root / "inbox"):
            server.request("/")  # until the first part of it is written
    while before != files_in(root / "inbox"):
        server.request("/")


# ---- events ---------------------------------------------------------------------------------------------


def test_every_page_hears_of_a_change(server: ReviewServer, root: Path) -> None:
    """Of an approval, and of a result that appears, is exchanged and goes."""
    make_job(root, "Watched")
    with server.events() as one, server.events() as other:
        for events in (one, other):
            assert "status" == next(events)[0]
        server.post("/api/jobs/Watched/approvals", {"lines": [ANNOUNCED]})
        for events in (one, other):
            _wait_for(events, "job", "Watched")
        make_job(root, "Fresh").rename(root / "outbox/Renamed")
        _wait_for(one, "job", "Renamed")
        shutil.rmtree(root / "outbox/Renamed")
        _wait_for(one, "job", "Renamed")


def test_the_progress_of_the_daemon_is_an_event(server: ReviewServer, root: Path) -> None:
    """It comes from status.json."""
    job = {"name": "Live", "title": "Live", "state": "speaking", "priority": 0, "done": 3, "failed": 0,
           "total": 9, "audio_s": 1.0, "rate": 2.0, "elapsed_s": 1.0}  # fmt: skip
    status = {"version": "1", "pid": os.getpid(), "at": "now", "started": "now", "state": "running",
              "engine": "preview", "spool": str(root), "jobs": [job]}  # fmt: skip
    with server.events() as events:
        assert "no daemon has run here" in next(events)[1]["trouble"]
        part = root / ".status.json.part"
        part.write_text(json.dumps(status))
        part.rename(root / "status.json")
        live = _wait_for_status(events, "")

    assert [("Live", 3, 9)] == [(job["name"], job["done"], job["total"]) for job in live["jobs"]]


def test_the_server_stops_although_pages_listen(tmp_path: Path) -> None:
    """At once, with no error in its log."""
    make_job(make_spool(tmp_path))
    with review_server(tmp_path) as server, server.events() as events:
        next(events)
        server.process.terminate()

        assert server.process.wait(LIMIT_S) in (0, -15)
        assert [] == list(events)
    assert "Error" not in (tmp_path / "review.log").read_text()


def _wait_for(events: Any, *expected: object) -> None:
    for event in events:
        if event == tuple(expected):
            return
    raise AssertionError(f"no event {expected}")


def _wait_for_status(events: Any, trouble: str) -> dict[str, Any]:
    for name, value in events:
        if name == "status" and value["trouble"] == trouble:
            return value
    raise AssertionError("no such status")


def _quoted(name: str) -> str:
    return quote(name, safe="")
