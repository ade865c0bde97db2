"""reload, cancel and retry with a real daemon."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishd.wire.control import CONTROL, address
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import LIMIT_S, NOOP, DaemonProcess, running_daemon
from tests.shell.cli import fishd


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Its takes do not end before the file `gate` exists."""
    folder = tmp_path_factory.mktemp("daemon")
    with running_daemon(folder, gate=str(folder / "gate"), faults={"Nonsense": "refuse"}) as served:
        yield served


@pytest.fixture
def gate(daemon: DaemonProcess) -> Path:
    """Closed; a test opens it by touching the file."""
    path = daemon.folder / "gate"
    path.unlink(missing_ok=True)
    return path


def test_reload_reports_that_the_configuration_was_accepted(daemon: DaemonProcess) -> None:
    """By the process that holds the lock."""
    said = fishd("reload", cwd=daemon.folder)

    assert 0 == said.returncode
    assert daemon.process
    assert f"the daemon (process {daemon.process.pid}) has reloaded its configuration" in said.stderr


def test_reload_reports_why_a_configuration_was_rejected(daemon: DaemonProcess, tmp_path: Path) -> None:
    """With the daemon's own faults, though --config names another file of the same spool."""
    good = daemon.config_path.read_text()
    other = tmp_path / "other.toml"
    other.write_text(f'[spool]\nroot = "{daemon.spool}"\n')
    daemon.config_path.write_text("[pool]\nmax_takes = 0\n")
    try:
        said = fishd("reload", "--config", other, cwd=tmp_path)
        shown = fishd("status", "--config", other, cwd=tmp_path)
    finally:
        daemon.config_path.write_text(good)
    again = fishd("reload", cwd=daemon.folder)

    assert (2, 0) == (said.returncode, again.returncode)
    assert "config.toml:2: pool.max_takes: is 0; must be" in said.stderr
    assert "the old one stays in force" in said.stderr
    assert "pool.max_takes" in shown.stdout


def test_reload_refuses_a_log_file_that_cannot_be_opened(daemon: DaemonProcess) -> None:
    """As any other fault of the configuration; the daemon continues with the old one."""
    good = daemon.config_path.read_text()
    daemon.config_path.write_text(good.replace("[log]", '[log]\nfile = "/proc/none/log"'))
    said = fishd("reload", cwd=daemon.folder)
    daemon.config_path.write_text(good)
    again = fishd("reload", cwd=daemon.folder)

    assert (2, True) == (said.returncode, "log.file: /proc/none/log: cannot be opened" in said.stderr)
    assert 0 == again.returncode


def test_cancel_publishes_what_is_spoken(tmp_path: Path) -> None:
    """And ends with the result, though a take in progress would never end."""
    with running_daemon(tmp_path / "home", faults={"Forever": "steps"}) as served:
        served.drop(make_bundle(tmp_path / "long", {"Ada": ["One.", "Forever."]}))
        journal = served.spool / "work" / "long" / "journal.jsonl"
        served.wait_until(lambda: journal.exists() and b'"spoken"' in journal.read_bytes(), "a clip")
        said = fishd("cancel", "long", cwd=served.folder)

        assert 0 == said.returncode
        assert "Stopped on request: 1 of 2 segments spoken." in said.stdout
        assert 1 == len(list(served.spool.glob("outbox/long/clips/*/*.wav")))


def test_cancel_before_anything_is_spoken(daemon: DaemonProcess, tmp_path: Path, gate: Path) -> None:
    """The result says so; nothing of the job is left in work."""
    daemon.drop(make_bundle(tmp_path / "unwanted", {"Ada": ["One.", "Two.", "Three."]}))
    daemon.wait_for_log("Job unwanted")
    said = fishd("cancel", "unwanted", cwd=daemon.folder)

    assert 0 == said.returncode
    assert "cancelled" == daemon.result("unwanted")["status"]
    assert not gate.exists()


def test_a_finished_job_cannot_be_cancelled(daemon: DaemonProcess, tmp_path: Path, gate: Path) -> None:
    """Nor one that never was, nor a path."""
    gate.touch()
    fishd("submit", "--wait", make_bundle(tmp_path / "over"), cwd=daemon.folder)
    over, path = fishd("cancel", "over", cwd=daemon.folder), fishd("cancel", "../x", cwd=daemon.folder)

    assert (1, True) == (over.returncode, "over: is already finished: " in over.stderr)
    assert (2, True) == (path.returncode, "../x: is not a job's name" in path.stderr)


NOT_UTF8 = b'{"cancel": "\xff"}\n'
NESTED = b'{"x": ' + b"[" * 3_000 + b"\n"


def test_an_invalid_request_closes_the_connection(daemon: DaemonProcess) -> None:
    """And the daemon serves the next client."""
    for words in (b"nonsense\n", b"[]\n", b"x" * 10_000, b'{"cancel": 1}\n', NOT_UTF8, NESTED):
        with socket.socket(socket.AF_UNIX) as sock, address(daemon.spool / CONTROL) as short:
            sock.settimeout(LIMIT_S)
            sock.connect(short)
            sock.sendall(words)
            sock.shutdown(socket.SHUT_WR)
            assert b"" == _rest(sock)

    assert "no such job" in fishd("cancel", "none", cwd=daemon.folder).stderr
    assert daemon.process
    assert daemon.process.poll() is None


def test_retry_speaks_only_what_failed_and_gives_the_whole(
    daemon: DaemonProcess, tmp_path: Path, gate: Path
) -> None:
    """The good clips are those of the first result, which is not changed."""
    gate.touch()
    lines = {"Ada": ["Good.", "Nonsense."], "Bob": ["Good too."]}
    first = fishd("submit", "--wait", make_bundle(tmp_path / "mixed", lines, priority=3), cwd=daemon.folder)
    daemon.wait_until((daemon.spool / "archive" / "mixed").exists, "the archived bundle")
    again = fishd("retry", "--wait", "mixed", cwd=daemon.folder)
    result = daemon.result("mixed-retry")

    assert (1, 1) == (first.returncode, again.returncode)
    assert "mixed: 1 segment to speak again" in again.stderr
    assert "3 segments, 2 of them already spoken" in daemon.log()
    spoken = [(s["name"], part["id"], part["status"]) for s in result["speakers"] for part in s["segments"]]
    assert [("Ada", "001", "done"), ("Ada", "002", "failed"), ("Bob", "001", "done")] == spoken
    for clip in ("clips/Ada/001.wav", "clips/Bob/001.wav"):
        bytes_of = [(daemon.spool / "outbox" / name / clip).read_bytes() for name in ("mixed", "mixed-retry")]
        assert bytes_of[0] == bytes_of[1]


def test_there_is_nothing_to_retry_of_a_good_or_a_rejected_job(
    daemon: DaemonProcess, tmp_path: Path, gate: Path
) -> None:
    """Each is reported with what to do."""
    gate.touch()
    good, bad = make_bundle(tmp_path / "fine"), make_bundle(tmp_path / "foul", {"Ada": [" "]})
    fishd("submit", "--wait", good, bad, cwd=daemon.folder)
    fine, foul, none = (fishd("retry", name, cwd=daemon.folder) for name in ("fine", "foul", "none"))

    assert (0, True) == (fine.returncode, "every segment is spoken" in fine.stderr)
    assert (1, True) == (foul.returncode, "was rejected; fix the bundle" in foul.stderr)
    assert (1, True) == (none.returncode, "none: has no result" in none.stderr)


def test_cancel_without_a_daemon_ends_the_job_at_the_next_start(tmp_path: Path) -> None:
    """The request is kept in the job's journal."""
    gate = tmp_path / "gate"
    with running_daemon(tmp_path / "home", {"engine": {"name": NOOP}}, gate=str(gate)) as served:
        served.drop(make_bundle(tmp_path / "left", {"Ada": ["One.", "Two."]}))
        served.wait_for_log("Job left")
        served.kill()
        said = fishd("cancel", "left", cwd=served.folder)
        gate.touch()
        served.start()

        assert (0, True) == (
            said.returncode,
            "left: no daemon is running; the job ends at its next start" in said.stderr,
        )
        assert "cancelled" == served.wait_for_result("left")["status"]


def _rest(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1)
    except ConnectionResetError:  # hung up with our words unread
        return b""
