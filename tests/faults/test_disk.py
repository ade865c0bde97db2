"""Disk errors: the daemon reports each once, keeps the bundle, retries, and recovers without a restart."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess, running_daemon, started_daemon
from tests.faults.faulty_disks import command, ext4_image, filled, mounted, remount, tmpfs, without_inodes
from tests.shell.cli import WITHOUT_ROOT_RIGHTS

LINES = {"Ada": ["First.", "Second.", "Third."]}
CONFIG = {"log": {"level": "info"}}


def make_in_inbox(daemon: DaemonProcess, name: str) -> Path:
    """A bundle in the inbox under an ignored name."""
    return make_ready_bundle(daemon.spool / "inbox" / f"{name}.part", LINES)


def drop(bundle: Path) -> None:
    bundle.rename(bundle.with_suffix(""))


def num_lines(daemon: DaemonProcess, text: str) -> int:
    """The number of log lines with this text."""
    return sum(text in line for line in daemon.log().splitlines())


def check_done(daemon: DaemonProcess, name: str, fault: str) -> None:
    """Every line was spoken in its first take; the fault and its end were each logged once."""
    result = daemon.wait_for_result(name)
    assert "done" == result["status"]
    assert {1} == {segment["takes"] for segment in result["speakers"][0]["segments"]}
    daemon.wait_for_log(f"{fault}: resolved; work goes on")
    assert 2 == num_lines(daemon, fault), daemon.log()


def test_a_bundle_dropped_on_a_full_disk_is_spoken_when_there_is_space_again(tmp_path: Path) -> None:
    """Nothing can be claimed or journaled in between."""
    with tmpfs(tmp_path / "spool", "size=2M"), running_daemon(tmp_path, CONFIG) as daemon:
        bundle = make_in_inbox(daemon, "full")
        with filled(daemon.spool):
            drop(bundle)
            daemon.wait_for_log("No space left on device")
        check_done(daemon, "full", "No space left on device")


def test_takes_in_flight_survive_a_disk_that_fills_up(tmp_path: Path) -> None:
    """Workers keep the audio until it can be written; no line is spoken twice."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    options = {"ledger": str(ledger), "gate": str(gate)}
    with tmpfs(tmp_path / "spool", "size=2M"), running_daemon(tmp_path, CONFIG, **options) as daemon:
        drop(make_in_inbox(daemon, "midway"))
        daemon.wait_for_log("Launching Worker 1")
        with filled(daemon.spool):
            gate.touch()
            daemon.wait_for_log("cannot write clips: No space left on device")
        check_done(daemon, "midway", "No space left on device")
        assert sorted(LINES["Ada"]) == sorted(ledger.read_text().splitlines())


def test_a_bundle_dropped_on_a_disk_without_inodes_is_spoken_when_there_are_some_again(
    tmp_path: Path,
) -> None:
    """There is space, but no file can be created."""
    with tmpfs(tmp_path / "spool", "size=4M,nr_inodes=200"), running_daemon(tmp_path, CONFIG) as daemon:
        bundle = make_in_inbox(daemon, "inodes")
        with without_inodes(daemon.spool):
            drop(bundle)
            daemon.wait_for_log("inbox/inodes: cannot be claimed: No space left on device")
        check_done(daemon, "inodes", "No space left on device")


def test_takes_in_flight_survive_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    """The kernel remounts a failing disk so, and an operator remounts it writable."""
    gate = tmp_path / "gate"
    with tmpfs(tmp_path / "spool", "size=4M"), running_daemon(tmp_path, CONFIG, gate=str(gate)) as daemon:
        drop(make_in_inbox(daemon, "frozen"))
        daemon.wait_for_log("Launching Worker 1")
        daemon.wait_until(lambda: remount(daemon.spool, "ro"), "no file open for writing")
        gate.touch()
        daemon.wait_for_log("Read-only file system")
        assert remount(daemon.spool, "rw")
        check_done(daemon, "frozen", "Read-only file system")


def test_a_stop_does_not_wait_for_a_full_disk(tmp_path: Path) -> None:
    """The clips that could not be written are spoken after the next start."""
    gate = tmp_path / "gate"
    config = {**CONFIG, "pool": {"drain_s": 1.0}}
    with tmpfs(tmp_path / "spool", "size=2M"), running_daemon(tmp_path, config, gate=str(gate)) as daemon:
        drop(make_in_inbox(daemon, "later"))
        daemon.wait_for_log("Launching Worker 1")
        with filled(daemon.spool):
            gate.touch()
            daemon.wait_for_log("cannot write clips: No space left on device")
            assert 0 == daemon.stop()
        daemon.start()
        assert "done" == daemon.wait_for_result("later")["status"]


@contextmanager
def full_tmpfs(spool: Path) -> Iterator[AbstractContextManager[None]]:
    """A tmpfs at `spool`, and a context in which it has no free inode."""
    with tmpfs(spool, "size=4M,nr_inodes=200"):
        yield without_inodes(spool)


@contextmanager
def full_ext4(spool: Path) -> Iterator[AbstractContextManager[None]]:
    """An ext4 at `spool`, and a context in which it has no free space."""
    with mounted(spool, "-o", "loop", str(ext4_image(spool.with_name("image")))):
        yield filled(spool)


@pytest.mark.parametrize("disk", [full_tmpfs, full_ext4])
def test_the_daemon_exits_if_the_disk_is_full_at_the_start(
    tmp_path: Path, disk: Callable[[Path], AbstractContextManager[AbstractContextManager[None]]]
) -> None:
    """The exit code is 1, so that systemd restarts it; the message has the fix."""
    daemon = DaemonProcess(tmp_path, CONFIG)
    with disk(daemon.spool) as full:
        daemon.run_once()
        drop(make_in_inbox(daemon, "later"))
        with full:
            assert 1 == daemon.run_once(), daemon.log()
        assert "No space left on device; free some space, or inodes" in " ".join(daemon.log().split())
        assert 0 == daemon.run_once()
        assert "done" == daemon.result("later")["status"]


def test_a_spool_of_several_file_systems_is_refused_at_start(tmp_path: Path) -> None:
    """The message names the fix."""
    daemon = DaemonProcess(tmp_path, {})
    with tmpfs(daemon.spool / "outbox", "size=1M"):
        assert 2 == daemon.run_once()
    assert "are not one file system" in daemon.log()
    assert "put them under one mount" in " ".join(daemon.log().split())


# ---- permissions ----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a folder")
@pytest.mark.parametrize("folder", ["work", "outbox", "archive", "inbox"])
def test_jobs_continue_when_lost_permissions_of_a_folder_are_restored(tmp_path: Path, folder: str) -> None:
    """The daemon retries until then."""
    daemon = DaemonProcess(tmp_path, {**CONFIG, "spool": {"rescan_s": 0.5}})
    with started_daemon(daemon, wrapper=WITHOUT_ROOT_RIGHTS):
        daemon.wait_for_log("ready: ")
        bundle = make_in_inbox(daemon, "denied")
        os.chown(daemon.spool / folder, 65534, -1)
        (daemon.spool / folder).chmod(0o700)
        drop(bundle)
        daemon.wait_for_log("Permission denied")
        os.chown(daemon.spool / folder, 0, -1)
        check_done(daemon, "denied", "Permission denied")


# ---- single calls that fail ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        "syncfs:error=EIO:when=1+2",
        "renameat2:error=EINVAL",  # NFS and sshfs know no RENAME_NOREPLACE
        "openat2:error=ENOSYS",  # kernels before 5.6
        pytest.param("fsync:error=EIO:when=1+2", marks=pytest.mark.slow),
        pytest.param("renameat2:error=EIO:when=1+3", marks=pytest.mark.slow),
    ],
)
def test_a_system_call_that_fails_is_retried(tmp_path: Path, fault: str) -> None:
    """strace makes it fail in every thread of the daemon and its workers; each job is published once."""
    call = fault.split(":", maxsplit=1)[0]
    command(["strace", "-qq", "-o", "/dev/null", "true"])
    daemon = DaemonProcess(tmp_path, CONFIG)
    for name in ("one", "two"):
        make_ready_bundle(daemon.spool / "inbox" / name, LINES)
    calls = tmp_path / "calls"
    traced = ["strace", "-f", "-qq", "-o", str(calls), "-e", f"trace={call}", "-e", f"inject={fault}"]
    assert 0 == daemon.run_once(wrapper=traced, program=("tests.faults.syncfs_daemon",)), daemon.log()
    assert "(INJECTED)" in calls.read_text()
    assert 0 == daemon.run_once()  # removes what the failing call left
    assert ["one", "two"] == sorted(path.name for path in (daemon.spool / "outbox").iterdir())
    assert ["done", "done"] == [daemon.result(name)["status"] for name in ("one", "two")]
    assert not list((daemon.spool / "work").iterdir())
