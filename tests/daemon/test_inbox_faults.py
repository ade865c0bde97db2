"""Whatever happens to the inbox and its watch, the real daemon's periodic scan finds every bundle."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.daemon.bundles import make_bundle, make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon
from tests.faults.faulty_disks import command, tmpfs

MAX_QUEUED_EVENTS = 16_384  # the kernel's default, fs.inotify.max_queued_events
CONFIG = {"spool": {"rescan_s": 0.5, "settle_s": 0.1}, "log": {"level": "info"}}


def check_spoken(daemon: DaemonProcess, folder: Path, name: str) -> None:
    daemon.drop(make_bundle(folder / "bundles" / name))
    assert "done" == daemon.wait_for_result(name)["status"]


def test_bundles_are_found_after_the_event_queue_has_overflowed(tmp_path: Path) -> None:
    """The kernel drops events while the daemon is stopped, those of the new bundles too."""
    with running_daemon(tmp_path / "daemon", CONFIG) as daemon:
        daemon.process.send_signal(signal.SIGSTOP)
        inbox = os.open(daemon.spool / "inbox", os.O_RDONLY)
        for number in range(MAX_QUEUED_EVENTS // 2 + 500):
            os.mkdir(f".{number}", dir_fd=inbox)
            os.rmdir(f".{number}", dir_fd=inbox)
        os.close(inbox)
        for name in ("a", "b", "c"):
            daemon.drop(make_bundle(tmp_path / "bundles" / name))
        daemon.process.send_signal(signal.SIGCONT)
        for name in ("a", "b", "c"):
            assert "done" == daemon.wait_for_result(name)["status"]


def test_a_name_that_is_not_utf8_delays_no_other_bundle(tmp_path: Path) -> None:
    """It is published too, under a printable name."""
    with running_daemon(tmp_path / "daemon", CONFIG) as daemon:
        source = make_ready_bundle(tmp_path / "source")
        source.rename(daemon.spool / "inbox" / os.fsdecode(b"odd-\xff\xfe"))
        check_spoken(daemon, tmp_path, "even")
        assert "done" == daemon.wait_for_result("odd-__")["status"]


def test_a_replaced_inbox_is_served(tmp_path: Path) -> None:
    """The watch is on the old folder; the scan opens the inbox by its name."""
    with running_daemon(tmp_path / "daemon", CONFIG) as daemon:
        inbox = daemon.spool / "inbox"
        inbox.rename(daemon.spool / "old")
        inbox.mkdir()
        check_spoken(daemon, tmp_path, "first")
        check_spoken(daemon, tmp_path, "second")


def test_a_deleted_inbox_is_reported_once_and_served_when_it_is_back(tmp_path: Path) -> None:
    """One log line names the fault and the fix, one that it is resolved."""
    with running_daemon(tmp_path / "daemon", CONFIG) as daemon:
        (daemon.spool / "inbox").rmdir()
        daemon.wait_for_log("inbox: cannot be read: No such file or directory; create the folder again")
        daemon.wait_for_log("inbox watch failed")
        (daemon.spool / "inbox").mkdir()
        check_spoken(daemon, tmp_path, "later")
        assert 1 == daemon.log().count("cannot be read: No such file")
        assert "No such file or directory: resolved; work goes on" in daemon.log()


def test_an_inbox_is_served_after_a_mount_over_it_is_gone(tmp_path: Path) -> None:
    """The folder below the mount is another one."""
    with running_daemon(tmp_path / "daemon", CONFIG) as daemon:
        with tmpfs(daemon.spool / "inbox", "size=1M"):
            make_ready_bundle(daemon.spool / "inbox" / "mounted")
            daemon.wait_for_log("inbox/mounted: cannot be claimed")
        check_spoken(daemon, tmp_path, "below")


def test_without_inotify_the_scan_finds_bundles_and_the_log_reports_it(tmp_path: Path) -> None:
    """strace makes the call fail, as when the user's inotify instances are used up."""
    inject = ["-e", "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE"]
    traced = ["strace", "-f", "-qq", "-o", "/dev/null", *inject]
    command([*traced, "true"])
    daemon = DaemonProcess(tmp_path / "daemon", CONFIG)
    daemon.start(wrapper=traced)
    try:
        daemon.wait_for_log("ready: ")
        check_spoken(daemon, tmp_path, "scanned")
        daemon.wait_for_log("inbox watch failed")
        assert "the inbox is still scanned regularly" in " ".join(daemon.log().split())
    finally:
        os.kill(daemon.status()["pid"], signal.SIGTERM)  # strace forwards no signals
        daemon.wait()
