"""What happens to a job while its tracks are assembled: kills, a full disk, a stop, a reload, a cancel."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from fishd.spool.durable.disk import Disk
from fishd.spool.journal.journal import CancelledLine, append_to_all
from fishd.wire.control import CONTROL, ask_to_cancel
from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, running_daemon
from tests.faults.faulty_disks import filled, tmpfs
from tests.faults.spool_contents import outcome_of

LINES = [f"This is line number {n} of the script." for n in range(16)]
OUTPUT = {"tracks": ["mix", "speakers"], "loudness": -20.0, "pause_s": 0.1}
ONCE = Counter(LINES)
LOST = "the process was killed by SIGKILL before it had finished"
NOT_ASSEMBLED = "the clips are as they were spoken, and there are no tracks"


def started(folder: Path) -> AbstractContextManager[DaemonProcess]:
    """A daemon in folder/daemon that speaks long clips and counts them in folder/ledger."""
    options = {"ledger": str(folder / "ledger"), "by_seed": True, "tone_s": 8.0}
    return running_daemon(folder / "daemon", {"log": {"level": "info"}}, **options)


def drop(daemon: DaemonProcess) -> None:
    inbox = daemon.spool / "inbox"
    make_ready_bundle(inbox / "NAME.part", {"Ada": LINES}, output=OUTPUT).rename(inbox / "NAME")


def suspended_assembly(daemon: DaemonProcess, *, after: int = 0) -> psutil.Process:
    """The process that assembles the job, stopped while it writes; not the one with the pid `after`."""

    def running() -> list[psutil.Process]:
        children = psutil.Process(daemon.process.pid).children()
        return [child for child in children if "fishd.assembly" in child.cmdline() and child.pid != after]

    final = daemon.spool / "work" / "NAME" / "final"
    daemon.wait_until(lambda: final.exists() and bool(running()), "the assembly to write")
    (process,) = running()
    process.suspend()
    assert final.exists()
    return process


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The outbox of a run in which nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with started(folder) as daemon:
        drop(daemon)
        daemon.wait_for_result("NAME")
        return outcome_of(daemon.spool)


def test_a_killed_daemon_assembles_again(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """Nothing is spoken again; the tracks are those of an undisturbed run."""
    with started(tmp_path) as daemon:
        drop(daemon)
        process = suspended_assembly(daemon)
        daemon.kill()
        process.wait(10)
        daemon.start()
        daemon.wait_for_result("NAME")
        assert undisturbed == outcome_of(daemon.spool)
        assert ONCE == read_ledger(tmp_path / "ledger")
        assert 0 == daemon.stop()
        assert [] == list((daemon.spool / "work").iterdir())


def test_a_killed_assembly_is_repeated(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """At once, with a warning in the log."""
    with started(tmp_path) as daemon:
        drop(daemon)
        suspended_assembly(daemon).kill()
        daemon.wait_for_result("NAME")
        assert undisturbed == outcome_of(daemon.spool)
        assert f"NAME: {LOST}" in " ".join(daemon.log().split())


def test_an_assembly_that_is_killed_twice_is_given_up(tmp_path: Path) -> None:
    """The job is published with its clips as they were spoken, and says why it has no tracks."""
    with started(tmp_path) as daemon:
        drop(daemon)
        first = suspended_assembly(daemon)
        first.kill()
        suspended_assembly(daemon, after=first.pid).kill()
        result = daemon.wait_for_result("NAME")
        assert ("done", len(LINES), []) == (result["status"], result["totals"]["done"], result["tracks"])
        assert [f"not assembled: {LOST}; {NOT_ASSEMBLED}"] == [
            warning["what"] for warning in result["warnings"]
        ]
        assert len(LINES) == len(list((daemon.spool / "outbox/NAME/clips/Ada").glob("*.wav")))


def test_a_full_disk_is_waited_for(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """One line of the log names the fix, one tells the end; nothing is spoken again."""
    with tmpfs(tmp_path / "daemon" / "spool", "size=64M"), started(tmp_path) as daemon:
        drop(daemon)
        process = suspended_assembly(daemon)
        with filled(daemon.spool):
            process.resume()
            daemon.wait_for_log("No space left on device")
        daemon.wait_for_result("NAME")
        daemon.wait_for_log("No space left on device: resolved; work goes on")
        assert undisturbed == outcome_of(daemon.spool)
        assert ONCE == read_ledger(tmp_path / "ledger")
        logged = " ".join(daemon.log().split())
        assert 2 == logged.count("No space left on device"), logged
        what = "job NAME: cannot be assembled: No space left on device; free some space, or inodes; retrying"
        assert what in logged


def test_a_stop_does_not_wait_for_the_assembly(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """It ends the process; the next start assembles the job."""
    with started(tmp_path) as daemon:
        drop(daemon)
        process = suspended_assembly(daemon)
        assert 0 == daemon.stop()
        assert not process.is_running()
        assert not (daemon.spool / "outbox" / "NAME").exists()
        daemon.start()
        daemon.wait_for_result("NAME")
        assert undisturbed == outcome_of(daemon.spool)
        assert ONCE == read_ledger(tmp_path / "ledger")


def test_a_reload_does_not_disturb_the_assembly(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """The job keeps the settings that it was claimed with; the new hook runs for it."""
    with started(tmp_path) as daemon:
        drop(daemon)
        process = suspended_assembly(daemon)
        daemon.write_config(
            {
                "output": {"track_format": "wav"},
                "hooks": {"published": ["touch", str(tmp_path / "hooked")]},
            }
        )
        daemon.wait_for_log("the configuration was reloaded")
        process.resume()
        daemon.wait_for_result("NAME")
        assert undisturbed == outcome_of(daemon.spool)
        daemon.wait_until((tmp_path / "hooked").exists, "the hook")


def test_a_job_can_be_cancelled_while_it_is_assembled(tmp_path: Path) -> None:
    """It is published at once: with the clips as they were spoken, without tracks."""
    with started(tmp_path) as daemon:
        drop(daemon)
        process = suspended_assembly(daemon)
        assert ask_to_cancel(daemon.spool / CONTROL, "NAME")
        result = daemon.wait_for_result("NAME")
        assert not process.is_running()
        assert ("cancelled", len(LINES), []) == (result["status"], result["totals"]["done"], result["tracks"])
        assert [f"not assembled: the job was cancelled; {NOT_ASSEMBLED}"] == [
            warning["what"] for warning in result["warnings"]
        ]
        assert not ask_to_cancel(daemon.spool / CONTROL, "NAME")


def test_a_cancelled_job_stays_cancelled_after_a_crash(tmp_path: Path) -> None:
    """The daemon was killed after it had journaled the cancellation; nothing is assembled."""
    with started(tmp_path) as daemon:
        drop(daemon)
        suspended_assembly(daemon)
        daemon.kill()
        append_to_all({daemon.spool / "work" / "NAME": [CancelledLine("2026-01-01T00:00:00Z")]}, Disk())
        daemon.start()
        result = daemon.wait_for_result("NAME")
        assert ("cancelled", len(LINES), []) == (result["status"], result["totals"]["done"], result["tracks"])
        assert ONCE == read_ledger(tmp_path / "ledger")
