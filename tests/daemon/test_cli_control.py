"""`fishd reload`, `cancel` and `retry` with a real daemon."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishd.wire.control import CONTROL, address
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon
from tests.shell.cli import LIMIT_S, fishd


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """No take ends before the file `gate` exists."""
    folder = tmp_path_factory.mktemp("daemon")
    with running_daemon(folder, gate=str(folder / "gate"), faults={"Nonsense": "refuse"}) as daemon:
        yield daemon


@pytest.fixture
def gate(daemon: DaemonProcess) -> Path:
    """A closed gate; a test opens it by touching the file."""
    path = daemon.folder / "gate"
    path.unlink(missing_ok=True)
    return path


def test_reload_reports_that_the_configuration_was_accepted(daemon: DaemonProcess) -> None:
    """The answer names the daemon's process."""
    ended = fishd("reload", cwd=daemon.folder)

    assert 0 == ended.returncode
    assert f"the daemon (process {daemon.process.pid}) has reloaded its configuration" in ended.stderr


def test_reload_reports_why_a_configuration_was_rejected(daemon: DaemonProcess, tmp_path: Path) -> None:
    """The faults are those of the daemon's file, even if --config names another one of the same spool."""
    good = daemon.config_path.read_text()
    other = tmp_path / "other.toml"
    other.write_text(f'[spool]\nroot = "{daemon.spool}"\n')
    daemon.config_path.write_text("[pool]\nmax_takes = 0\n")
    try:
        ended = fishd("reload", "--config", other, cwd=tmp_path)
        shown = fishd("status", "--config", other, cwd=tmp_path)
    finally:
        daemon.config_path.write_text(good)
    again = fishd("reload", cwd=daemon.folder)

    assert (2, 0) == (ended.returncode, again.returncode)
    assert "config.toml:2: pool.max_takes: is 0; must be" in ended.stderr
    assert "the old one stays in force" in ended.stderr
    assert "pool.max_takes" in shown.stdout


def test_reload_refuses_a_log_file_that_cannot_be_opened(daemon: DaemonProcess) -> None:
    """The daemon continues with the old configuration."""
    good = daemon.config_path.read_text()
    daemon.config_path.write_text(good.replace("[log]", '[log]\nfile = "/proc/none/log"'))
    ended = fishd("reload", cwd=daemon.folder)
    daemon.config_path.write_text(good)
    again = fishd("reload", cwd=daemon.folder)

    assert (2, True) == (ended.returncode, "log.file: /proc/none/log: cannot be opened" in ended.stderr)
    assert 0 == again.returncode


def test_cancel_publishes_the_clips_that_are_spoken(tmp_path: Path) -> None:
    """A take in flight that would never end is dropped."""
    with running_daemon(tmp_path / "home", faults={"Forever": "steps"}) as daemon:
        daemon.drop(make_bundle(tmp_path / "long", {"Ada": ["One.", "Forever."]}))
        daemon.wait_until(lambda: bool(daemon.journal("long", "spoken")), "a clip")
        ended = fishd("cancel", "long", cwd=daemon.folder)

        assert 0 == ended.returncode
        assert "Stopped on request: 1 of 2 segments spoken." in ended.stdout
        assert 1 == len(list(daemon.spool.glob("outbox/long/clips/*/*.wav")))


def test_a_job_can_be_cancelled_before_anything_is_spoken(
    daemon: DaemonProcess, tmp_path: Path, gate: Path
) -> None:
    """The job is published as cancelled while its takes are still in flight."""
    daemon.drop(make_bundle(tmp_path / "unwanted", {"Ada": ["One.", "Two.", "Three."]}))
    daemon.wait_for_log("Job unwanted")
    ended = fishd("cancel", "unwanted", cwd=daemon.folder)

    assert 0 == ended.returncode
    assert "cancelled" == daemon.result("unwanted")["status"]
    assert not gate.exists()


def test_a_finished_job_cannot_be_cancelled(daemon: DaemonProcess, tmp_path: Path, gate: Path) -> None:
    """A path is not accepted as a job's name."""
    gate.touch()
    fishd("submit", "--wait", make_bundle(tmp_path / "finished"), cwd=daemon.folder)
    finished, path = (fishd("cancel", name, cwd=daemon.folder) for name in ("finished", "../x"))

    assert (1, True) == (finished.returncode, "finished: is already finished: " in finished.stderr)
    assert (2, True) == (path.returncode, "../x: is not a job's name" in path.stderr)


NOT_UTF8 = b'{"cancel": "\xff"}\n'
NESTED = b'{"x": ' + b"[" * 3_000 + b"\n"


def test_an_invalid_request_closes_the_connection(daemon: DaemonProcess) -> None:
    """The daemon continues to serve other clients."""
    for request in (b"nonsense\n", b"[]\n", b"x" * 10_000, b'{"cancel": 1}\n', NOT_UTF8, NESTED):
        with socket.socket(socket.AF_UNIX) as sock, address(daemon.spool / CONTROL) as short:
            sock.settimeout(LIMIT_S)
            sock.connect(short)
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            assert b"" == _rest(sock)

    assert "no such job" in fishd("cancel", "none", cwd=daemon.folder).stderr
    assert daemon.process.poll() is None


def test_retry_speaks_only_the_failed_segments_and_publishes_the_whole_job(
    daemon: DaemonProcess, tmp_path: Path, gate: Path
) -> None:
    """The other clips are copied from the first result, which is unchanged."""
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


def test_retry_refuses_a_job_that_is_done_rejected_or_unknown(
    daemon: DaemonProcess, tmp_path: Path, gate: Path
) -> None:
    """Each error has its own reason."""
    gate.touch()
    good, bad = make_bundle(tmp_path / "good"), make_bundle(tmp_path / "bad", {"Ada": [" "]})
    fishd("submit", "--wait", good, bad, cwd=daemon.folder)
    done, rejected, unknown = (fishd("retry", name, cwd=daemon.folder) for name in ("good", "bad", "none"))

    assert (0, True) == (done.returncode, "every segment is spoken" in done.stderr)
    assert (1, True) == (rejected.returncode, "was rejected; fix the bundle" in rejected.stderr)
    assert (1, True) == (unknown.returncode, "none: has no result" in unknown.stderr)


def test_cancel_without_a_daemon_ends_the_job_at_the_next_start(tmp_path: Path) -> None:
    """The request is written to the job's journal."""
    gate = tmp_path / "gate"
    with running_daemon(tmp_path / "home", gate=str(gate)) as daemon:
        daemon.drop(make_bundle(tmp_path / "left", {"Ada": ["One.", "Two."]}))
        daemon.wait_for_log("Job left")
        daemon.kill()
        ended = fishd("cancel", "left", cwd=daemon.folder)
        gate.touch()
        daemon.start()

        assert (0, True) == (
            ended.returncode,
            "left: no daemon is running; the job ends at its next start" in ended.stderr,
        )
        assert "cancelled" == daemon.wait_for_result("left")["status"]


def _rest(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1)
    except ConnectionResetError:  # the daemon closed it before it read the whole request
        return b""
