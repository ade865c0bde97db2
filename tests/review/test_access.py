"""Who gets an answer: forged hosts, origins, tokens and cookies do not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fishd.review.access import Access, host_name
from tests.review.review_server import ReviewServer, review_server
from tests.review.review_spool import make_job, make_spool
from tests.shell.cli import fishd

APPROVALS = "/api/jobs/Episode/approvals"
NOTHING = json.dumps({"lines": []}).encode()


def test_the_first_url_gives_a_cookie_and_leads_to_an_address_without_the_token(server: ReviewServer) -> None:
    """The cookie is out of reach of scripts and other sites, and is not the token."""
    answer = server.request(f"/?token={server.token}", cookie="")

    assert (303, "/") == (answer.status, answer.headers["location"])
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert f"fishd-review-{server.port}" == name
    assert rest.split("; ")[1:] == ["HttpOnly", "Path=/", "SameSite=strict"]
    assert server.token not in rest


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/%2F%2Fevil.example", "/\\evil.example", "///evil.example/a"]
)
def test_the_redirect_stays_on_this_server(server: ReviewServer, path: str) -> None:
    """A path that looks like another host is a path."""
    answer = server.request(f"{path}?token={server.token}", cookie="")

    assert 303 == answer.status
    assert re.match(r"/(?![/\\])", answer.headers["location"])


@pytest.mark.parametrize(
    "path",
    ["/", "/jobs/Episode", "/static/job.js", "/api/jobs", "/api/events", "/files/Episode/clips/Ada/001.wav"],
)
@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "other=1",
        "fishd-review-{port}=",
        "fishd-review-{port}=guess",
        "fishd-review-{port}={token}",
        "fishd-review-{port}=\xff\xfe",
    ],
)
def test_nothing_is_served_without_the_cookie(server: ReviewServer, path: str, cookie: str) -> None:
    """The token is not the cookie's secret either."""
    answer = server.request(path, cookie=cookie.format(port=server.port, token=server.token))

    assert 403 == answer.status
    assert b"fishd review" in answer.body


@pytest.mark.parametrize("token", ["", "guess", "%FF%FE", "%00", "A" * 8_000])
def test_a_wrong_token_gives_no_cookie(server: ReviewServer, token: str) -> None:
    """Neither does one of another length or encoding."""
    answer = server.request(f"/?token={token}", cookie="")

    assert (403, None) == (answer.status, answer.headers.get("set-cookie"))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "[::2]",
        "127.0.0.1@evil.example",
    ],
)
def test_a_host_that_is_not_this_one_is_refused(server: ReviewServer, host: str) -> None:
    """So a name that is made to resolve to this machine (DNS rebinding) gets nothing, even with the token."""
    for path in ("/", f"/?token={server.token}"):
        answer = server.request(path, host=host.format(port=server.port))

        assert (421, None) == (answer.status, answer.headers.get("set-cookie"))


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "LOCALHOST", "127.0.0.1:9000", "[::1]:9000"])
def test_loopback_names_are_accepted_with_any_port(server: ReviewServer, host: str) -> None:
    """That of an ssh tunnel is another one."""
    assert 200 == server.request("/", host=host).status


def test_a_request_without_a_host_is_refused(server: ReviewServer) -> None:
    """HTTP/1.1 demands one."""
    assert server.request("/", host="").status in (400, 421)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://evil.example",
        "http://localhost:1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "http://127.0.0.1:{port}.evil.example",
    ],
)
def test_a_change_from_another_origin_is_refused(server: ReviewServer, origin: str) -> None:
    """Other ports of this machine are other origins, although a browser sends them the cookie."""
    answer = server.request(APPROVALS, "POST", NOTHING, origin=origin.format(port=server.port))

    assert 403 == answer.status


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_embeds_is_refused(server: ReviewServer, site: str) -> None:
    """A page of another port could show that a file exists."""
    path = "/files/Episode/clips/Ada/001.wav"

    assert 403 == server.request(path, sec_fetch_site=site).status
    assert 200 == server.request(path, sec_fetch_site="same-origin").status


def test_a_change_from_the_page_is_accepted(server: ReviewServer) -> None:
    """Its origin is the Host that it is served under."""
    answer = server.request(APPROVALS, "POST", NOTHING, host="localhost:9000", origin="http://localhost:9000")

    assert 204 == answer.status


@pytest.mark.parametrize(
    "path", ["/", "/none", "/api/jobs/none", "/static/job.js", "/files/Episode/result.json"]
)
def test_every_answer_has_the_headers_that_confine_the_page(server: ReviewServer, path: str) -> None:
    """No script but the server's own files, no frame, no type but the given one."""
    headers = server.request(path).headers

    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert ("'none'", "'self'", "'none'") == tuple(
        policy[key] for key in ("default-src", "script-src", "frame-ancestors")
    )
    assert "unsafe" not in headers["content-security-policy"]
    assert ("nosniff", "no-referrer") == (headers["x-content-type-options"], headers["referrer-policy"])


def test_the_pages_have_no_inline_script_or_style(server: ReviewServer) -> None:
    """The policy would block them."""
    for path in ("/", "/jobs/Episode"):
        page = server.request(path).body.decode()

        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


def test_another_host_is_explained(tmp_path: Path) -> None:
    """Every name of the machine and every address is answered, no other name."""
    make_job(make_spool(tmp_path))
    with review_server(tmp_path, "--host", "0.0.0.0") as server:
        log = (tmp_path / "review.log").read_text()

        assert "whoever can reach this machine" in log
        assert 200 == server.request("/", host="192.168.1.5:80").status
        assert 421 == server.request("/", host="evil.example").status


def test_the_token_is_printed_once_and_logged_nowhere(folder: Path, server: ReviewServer) -> None:
    """There is no access log."""
    server.request(f"/?token={server.token}")

    assert server.token not in (folder / "review.log").read_text()


def test_a_port_that_is_taken_is_an_error(folder: Path, server: ReviewServer) -> None:
    """The message says which, and the fix."""
    ended = fishd("review", "--port", server.port, "--config", folder / "config.toml", cwd=folder)

    assert (2, "") == (ended.returncode, ended.stdout)
    assert f"127.0.0.1:{server.port}: cannot listen there" in ended.stderr
    assert "--port" in ended.stderr


def test_a_job_without_a_result_is_an_error(folder: Path) -> None:
    """It names the outbox."""
    ended = fishd("review", "Nothing", "--config", folder / "config.toml", cwd=folder)

    assert 1 == ended.returncode
    assert "Nothing: has no result in" in ended.stderr


def test_the_url_of_a_job_leads_to_its_page(folder: Path) -> None:
    """With the token."""
    with review_server(folder, "Episode") as server:
        assert "/jobs/Episode" == server.path


@pytest.mark.parametrize(
    ("header", "name"),
    [("localhost:8765", "localhost"), ("[::1]:8765", "::1"), ("[::1]", "::1"), ("A.B.:80", "a.b"), ("", "")],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    """Without its port, brackets, final dot and capitals."""
    assert name == host_name(header)


def test_the_secrets_are_not_in_a_representation() -> None:
    """A traceback would print it."""
    access = Access("127.0.0.1", 1)

    assert access.token not in repr(access)
    assert access.session not in repr(access)
