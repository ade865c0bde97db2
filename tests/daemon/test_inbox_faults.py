"""Whatever happens to the alarm, the scan finds everything: the real daemon with its ears stopped up."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import LIMIT_S, DaemonProcess, running_daemon
from tests.faults.faulty_disks import command, tmpfs

QUEUE = 16_384  # events that the kernel keeps for one watch, as it comes
SOON = {"spool": {"rescan_s": 0.5, "settle_s": 0.1}, "log": {"level": "info"}}


def check_served(daemon: DaemonProcess, folder: Path, name: str) -> None:
    daemon.drop(make_bundle(folder / "made" / name))
    assert "done" == daemon.wait_for_result(name)["status"]


def test_a_queue_that_overflows_hides_nothing(tmp_path: Path) -> None:
    """The kernel throws events away while the daemon stands still; the drops among them are found."""
    with running_daemon(tmp_path / "daemon", SOON) as daemon:
        assert daemon.process
        daemon.process.send_signal(signal.SIGSTOP)
        inbox = os.open(daemon.spool / "inbox", os.O_RDONLY)
        for number in range(QUEUE // 2 + 500):
            os.mkdir(f".{number}", dir_fd=inbox)
            os.rmdir(f".{number}", dir_fd=inbox)
        os.close(inbox)
        for name in ("a", "b", "c"):
            daemon.drop(make_bundle(tmp_path / "made" / name))
        daemon.process.send_signal(signal.SIGCONT)
        for name in ("a", "b", "c"):
            assert "done" == daemon.wait_for_result(name)["status"]


def test_a_name_that_is_no_utf8_stops_nobody(tmp_path: Path) -> None:
    """Its own job comes out too, under a name that can be shown."""
    with running_daemon(tmp_path / "daemon", SOON) as daemon:
        source = make_bundle(tmp_path / "source")
        (source / ".ready").touch()
        source.rename(daemon.spool / "inbox" / os.fsdecode(b"odd-\xff\xfe"))
        check_served(daemon, tmp_path, "even")
        assert "done" == daemon.wait_for_result("odd-__")["status"]


def test_an_inbox_that_is_replaced_is_served(tmp_path: Path) -> None:
    """The watch hangs on the old folder; the scan looks at the name."""
    with running_daemon(tmp_path / "daemon", SOON) as daemon:
        inbox = daemon.spool / "inbox"
        inbox.rename(daemon.spool / "old")
        inbox.mkdir()
        check_served(daemon, tmp_path, "first")
        check_served(daemon, tmp_path, "second")


def test_an_inbox_that_is_deleted_is_missed_once_and_served_again(tmp_path: Path) -> None:
    """One line of the log says what is wrong and what to do; one that it is over."""
    with running_daemon(tmp_path / "daemon", SOON) as daemon:
        (daemon.spool / "inbox").rmdir()
        daemon.wait_for_log("inbox: cannot be read: No such file or directory; create the folder again")
        daemon.wait_for_log("inbox watch failed")
        (daemon.spool / "inbox").mkdir()
        check_served(daemon, tmp_path, "later")
        assert 1 == daemon.log().count("cannot be read: No such file")
        assert "No such file or directory: resolved; work goes on" in daemon.log()


def test_an_inbox_that_is_unmounted_is_served_again(tmp_path: Path) -> None:
    """A disk of its own over the inbox comes and goes; what is below is another folder."""
    with running_daemon(tmp_path / "daemon", SOON) as daemon:
        with tmpfs(daemon.spool / "inbox", "size=1M"):
            daemon.wait_until(lambda: daemon.process is not None, "the daemon")
        check_served(daemon, tmp_path, "below")


def test_without_inotify_the_log_says_so_and_the_scan_finds_all(tmp_path: Path) -> None:
    """As where all of a user's watches are taken; strace refuses them."""
    inject = ["-e", "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE"]
    traced = ["strace", "-f", "-qq", "-o", "/dev/null", *inject]
    command([*traced, "true"])
    daemon = DaemonProcess(tmp_path / "daemon", SOON)
    daemon.start(before=traced)
    try:
        daemon.wait_for_log("ready: ")
        check_served(daemon, tmp_path, "unheard")
        daemon.wait_for_log("inbox watch failed")
        assert "the inbox is still scanned regularly" in " ".join(daemon.log().split())
    finally:
        assert daemon.process
        os.kill(daemon.status()["pid"], signal.SIGTERM)
        daemon.process.wait(LIMIT_S)
