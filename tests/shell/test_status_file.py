"""status.json is written by the daemon and read by other processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from fishd.core.model.status import JobSnapshot, Status
from fishd.host.status_file import BadStatus, pid_is_alive, read_status, why_not_running, write_status

STATUS = Status(
    version="0.1.0",
    pid=os.getpid(),
    at="2026-11-22T15:12:14Z",
    started="2026-11-22T13:09:02Z",
    state="running",
    engine="preview",
    spool="/spool",
    jobs=(JobSnapshot("a", "A", "speaking", 0, 1, 0, 2, 3.0, 4.0, 5.0),),
)


def test_a_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    """No temporary file is left."""
    asyncio.run(write_status(tmp_path / "status.json", STATUS))
    assert read_status(tmp_path / "status.json") == STATUS
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_a_name_that_is_not_utf_8_is_escaped(tmp_path: Path) -> None:
    """JSON cannot hold it."""
    job = msgspec.structs.replace(STATUS.jobs[0], name="b\udcff")
    asyncio.run(write_status(tmp_path / "status.json", msgspec.structs.replace(STATUS, jobs=(job,))))
    status = read_status(tmp_path / "status.json")
    assert status is not None
    assert status.jobs[0].name == r"b\xff"


def test_without_a_file_the_status_is_none(tmp_path: Path) -> None:
    """No daemon has run there, which is not an error."""
    assert read_status(tmp_path / "status.json") is None
    assert (
        why_not_running(None, tmp_path) == f"no daemon has run here ({tmp_path}); start one with `fishd run`"
    )


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}'])
def test_an_invalid_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    """The message has the fix."""
    path = tmp_path / "status.json"
    path.write_bytes(content)
    with pytest.raises(
        BadStatus, match=r"status\.json: is not the status of this version of fishd .*restart"
    ):
        read_status(path)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """It is a folder."""
    (tmp_path / "status.json").mkdir()
    with pytest.raises(BadStatus, match=r"status\.json: cannot be read \(Is a directory\)"):
        read_status(tmp_path / "status.json")


def test_unknown_fields_of_a_newer_daemon_are_ignored(tmp_path: Path) -> None:
    """So `fishd status` works during an upgrade."""
    path = tmp_path / "status.json"
    path.write_bytes(msgspec.json.encode({**msgspec.to_builtins(STATUS), "unknown": 1}))
    assert read_status(path) == STATUS


def test_readers_never_see_an_incomplete_file(tmp_path: Path) -> None:
    """Another thread writes it 300 times."""
    path = tmp_path / "status.json"
    asyncio.run(write_status(path, STATUS))

    async def write() -> None:
        for number in range(300):
            status = msgspec.structs.replace(STATUS, waiting=number, engine="x" * number * 50)
            await write_status(path, status)

    writer = threading.Thread(target=lambda: asyncio.run(write()))
    writer.start()
    while writer.is_alive():
        assert read_status(path) is not None
    writer.join()


def test_a_running_daemon_causes_no_message() -> None:
    assert why_not_running(STATUS, Path("/spool")) is None


def test_a_daemon_that_died_is_reported() -> None:
    """Its status is "running", but its process does not exist."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    assert not pid_is_alive(process.pid)
    message = why_not_running(msgspec.structs.replace(STATUS, pid=process.pid), Path("/spool"))
    assert message is not None
    assert f"the daemon (process {process.pid}) died at about 2026-11-22 15:12:14 UTC" in message


def test_a_stopped_daemon_is_reported_with_the_time() -> None:
    """It is distinguished from one that died."""
    stopped = msgspec.structs.replace(STATUS, state="stopped")
    assert why_not_running(stopped, Path("/spool")) == (
        "the daemon was stopped at 2026-11-22 15:12:14 UTC; start it with `fishd run`"
    )


def test_a_process_of_another_user_is_alive() -> None:
    """Process 1 is, even if this user cannot send signals to it."""
    assert pid_is_alive(1)
