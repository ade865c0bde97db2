"""Disk errors: the daemon reports them once, keeps the bundle, retries, and recovers by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import LIMIT_S, ROOT, DaemonProcess, running_daemon
from tests.faults.faulty_disks import command, ext4_image, filled, mounted, remount, tmpfs, without_inodes

LINES = {"Ada": ["First.", "Second.", "Third."]}
INFO = {"log": {"level": "info"}}


def prepared(daemon: DaemonProcess, name: str) -> Path:
    """A bundle in the inbox under an ignored name."""
    bundle = make_bundle(daemon.spool / "inbox" / f"{name}.part", LINES)
    (bundle / ".ready").touch()
    return bundle


def drop(bundle: Path) -> None:
    bundle.rename(bundle.with_suffix(""))


def count_lines(daemon: DaemonProcess, words: str) -> int:
    return sum(words in line for line in daemon.log().splitlines())


def check_done(daemon: DaemonProcess, name: str, fault: str) -> None:
    """Every line was spoken in its first take; the fault and its end were logged once each."""
    result = daemon.wait_for_result(name)
    assert "done" == result["status"]
    assert {1} == {segment["takes"] for segment in result["speakers"][0]["segments"]}
    daemon.wait_for_log(f"{fault}: resolved; work goes on")
    assert 2 == count_lines(daemon, fault), daemon.log()


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    """Nothing can be claimed or journaled: the bundle stays, and is spoken when there is space again."""
    with tmpfs(tmp_path / "spool", "size=2M"), running_daemon(tmp_path, INFO) as daemon:
        bundle = prepared(daemon, "full")
        with filled(daemon.spool):
            drop(bundle)
            daemon.wait_for_log("No space left on device")
        check_done(daemon, "full", "No space left on device")


def test_a_disk_that_fills_up_while_takes_are_in_flight_costs_none(tmp_path: Path) -> None:
    """Workers keep the audio until it can be written; no engine speaks it again."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    options = {"ledger": str(ledger), "gate": str(gate)}
    with tmpfs(tmp_path / "spool", "size=2M"), running_daemon(tmp_path, INFO, **options) as daemon:
        drop(prepared(daemon, "midway"))
        daemon.wait_for_log("Launching Worker 1")
        with filled(daemon.spool):
            gate.touch()
            daemon.wait_for_log("cannot write clips: No space left on device")
        check_done(daemon, "midway", "No space left on device")
        assert sorted(LINES["Ada"]) == sorted(ledger.read_text().splitlines())


def test_a_disk_without_inodes_is_waited_for(tmp_path: Path) -> None:
    """There is space, but no file can be created."""
    with tmpfs(tmp_path / "spool", "size=4M,nr_inodes=200"), running_daemon(tmp_path, INFO) as daemon:
        bundle = prepared(daemon, "inodes")
        with without_inodes(daemon.spool):
            drop(bundle)
            daemon.wait_for_log("inbox/inodes: cannot be claimed: No space left on device")
        check_done(daemon, "inodes", "No space left on device")


def test_a_disk_that_becomes_read_only_is_waited_for(tmp_path: Path) -> None:
    """As the kernel remounts a failing disk, until an operator fixes it."""
    gate = tmp_path / "gate"
    with tmpfs(tmp_path / "spool", "size=4M"), running_daemon(tmp_path, INFO, gate=str(gate)) as daemon:
        drop(prepared(daemon, "frozen"))
        daemon.wait_for_log("Launching Worker 1")
        daemon.wait_until(lambda: remount(daemon.spool, "ro"), "nobody to write")
        gate.touch()
        daemon.wait_for_log("Read-only file system")
        assert remount(daemon.spool, "rw")
        check_done(daemon, "frozen", "Read-only file system")


def test_a_stop_does_not_wait_for_a_full_disk(tmp_path: Path) -> None:
    """What could not be written is spoken after the next start."""
    gate = tmp_path / "gate"
    config = {**INFO, "pool": {"drain_s": 1.0}}
    with tmpfs(tmp_path / "spool", "size=2M"), running_daemon(tmp_path, config, gate=str(gate)) as daemon:
        drop(prepared(daemon, "later"))
        daemon.wait_for_log("Launching Worker 1")
        with filled(daemon.spool):
            gate.touch()
            daemon.wait_for_log("cannot write clips: No space left on device")
            assert 0 == daemon.stop()
        daemon.start()
        assert "done" == daemon.wait_for_result("later")["status"]


@contextmanager
def full_tmpfs(spool: Path) -> Iterator[AbstractContextManager[None]]:
    """A disk, and a context that uses up its inodes."""
    with tmpfs(spool, "size=4M,nr_inodes=200"):
        yield without_inodes(spool)


@contextmanager
def full_ext4(spool: Path) -> Iterator[AbstractContextManager[None]]:
    """A disk, and a context that uses up its space."""
    with mounted(spool, "-o", "loop", str(ext4_image(spool.with_name("image")))):
        yield filled(spool)


@pytest.mark.parametrize("disk", [full_tmpfs, full_ext4])
def test_a_disk_that_is_full_at_the_start_ends_the_daemon(
    tmp_path: Path, disk: Callable[[Path], AbstractContextManager[AbstractContextManager[None]]]
) -> None:
    """With exit code 1, so that systemd restarts it, and with the fix. The bundle is spoken later."""
    daemon = DaemonProcess(tmp_path, INFO)
    with disk(daemon.spool) as full:
        daemon.once()
        drop(prepared(daemon, "patient"))
        with full:
            assert 1 == daemon.once(), daemon.log()
        assert "No space left on device; free some space, or inodes" in " ".join(daemon.log().split())
        assert 0 == daemon.once()
        assert "done" == daemon.result("patient")["status"]


def test_a_spool_of_several_file_systems_is_refused_at_start(tmp_path: Path) -> None:
    """The message names the fix."""
    daemon = DaemonProcess(tmp_path, {})
    with tmpfs(daemon.spool / "outbox", "size=1M"):
        assert 2 == daemon.once()
    assert "are not one file system" in daemon.log()
    assert "put them under one mount" in " ".join(daemon.log().split())


# ---- rights ---------------------------------------------------------------------------------------------

MODES_COUNT = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # also for root


@pytest.mark.parametrize("folder", ["work", "outbox", "archive", "inbox"])
def test_a_folder_without_permission_is_waited_for(tmp_path: Path, folder: str) -> None:
    """An operator takes the daemon's permission away and gives it back."""
    command([*MODES_COUNT, "true"])
    daemon = DaemonProcess(tmp_path, {**INFO, "spool": {"rescan_s": 0.5}})
    daemon.start(before=MODES_COUNT)
    try:
        daemon.wait_for_log("ready: ")
        bundle = prepared(daemon, "denied")
        os.chown(daemon.spool / folder, 65534, -1)
        (daemon.spool / folder).chmod(0o700)
        drop(bundle)
        daemon.wait_for_log("Permission denied")
        os.chown(daemon.spool / folder, 0, -1)
        check_done(daemon, "denied", "Permission denied")
    finally:
        daemon.stop()


# ---- single calls that fail ----------------------------------------------------------------------------


# `fishd` that uses syncfs however much dirty memory this machine has.
WITH_SYNCFS = """
import fishd.cli, fishd.spool.durable.syncfs as syncfs
syncfs.MAX_DIRTY_BYTES = 1 << 60
fishd.cli.main()
"""


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
def test_a_call_that_fails_is_retried(tmp_path: Path, fault: str) -> None:
    """strace makes it fail in every thread of the daemon and its workers; each job is published once."""
    call = fault.split(":", maxsplit=1)[0]
    command(["strace", "-qq", "-o", "/dev/null", "true"])
    daemon = DaemonProcess(tmp_path, INFO)
    for name in ("one", "two"):
        (make_bundle(daemon.spool / "inbox" / name, LINES) / ".ready").touch()
    calls = tmp_path / "calls"
    traced = ["strace", "-f", "-qq", "-o", str(calls), "-e", f"trace={call}", "-e", f"inject={fault}"]
    fishd = [sys.executable, "-c", WITH_SYNCFS, "run", "--once", "--config", str(daemon.config_path)]
    with daemon.log_path.open("ab") as log:
        ended = subprocess.run(
            [*traced, *fishd],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
            check=False,
        )
    assert 0 == ended.returncode, daemon.log()
    assert "(INJECTED)" in calls.read_text()
    assert 0 == daemon.once()  # removes what could not be removed
    assert ["one", "two"] == sorted(path.name for path in (daemon.spool / "outbox").iterdir())
    assert ["done", "done"] == [daemon.result(name)["status"] for name in ("one", "two")]
    assert not list((daemon.spool / "work").iterdir())
