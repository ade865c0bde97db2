"""`fishd review --url-file`: the address for a service's users, which stdout would put into a log."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.daemon.service_manager import service_manager
from tests.review.review_server import ReviewServer
from tests.review.review_spool import make_spool
from tests.shell.cli import LIMIT_S, command, environ, fishd


def test_the_address_is_in_the_file_and_not_printed(tmp_path: Path) -> None:
    """A new file, which other users cannot read, is complete when the service manager hears READY."""
    make_spool(tmp_path)
    url_file = tmp_path / "url"
    url_file.write_text("an old one")
    url_file.chmod(0o666)
    options = ("--port", "0", "--url-file", url_file, "--cache", tmp_path / "cache")
    with (
        service_manager(tmp_path) as manager,
        subprocess.Popen(
            command("review", "--config", tmp_path / "config.toml", *options),
            env=environ(manager.env()),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o022,
        ) as process,
    ):
        try:
            manager.receive_variable("READY")
            server = ReviewServer(process, url_file.read_text().strip(), "127.0.0.1")
            answer = server.request("/api/jobs")
        finally:
            process.terminate()
            output = process.communicate(timeout=LIMIT_S)[0]

    assert 200 == answer.status
    assert 0o640 == url_file.stat().st_mode & 0o777
    assert f"fishd: the page's address, with its token, is in {url_file}" in output.splitlines()
    assert server.token not in output
    assert (tmp_path / "cache/review-peaks.sqlite").exists()


def test_a_file_that_cannot_be_written_is_an_error_of_usage(tmp_path: Path) -> None:
    """The message names it."""
    make_spool(tmp_path)
    ended = fishd("review", "--port", "0", "--url-file", "missing/url", cwd=tmp_path)

    assert 2 == ended.returncode
    expected = "missing/url: cannot be written: No such file or directory; name another file with --url-file"
    assert f"fishd: {expected}" == ended.stderr.splitlines()[-1]
