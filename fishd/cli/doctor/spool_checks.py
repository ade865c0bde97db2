"""What `fishd doctor` finds of the spool: folders, renames, room, watches, and who serves it."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from fishd.cli.doctor.findings import Finding, fault, good, odd
from fishd.cli.locate import daemon_pid
from fishd.core.config.config import Config
from fishd.core.text.humanize import gigabytes
from fishd.host.status_file import BadStatus, read_status
from fishd.spool.errors import SpoolError
from fishd.spool.root import FOLDERS, check_renames

GIB = 1024**3
LITTLE_GB = 2.0
TOO_LITTLE_GB = 0.1
FEW_INODES = 10_000


def examine_spool(config: Config) -> Iterator[Finding]:
    """Nothing is made or changed, but for a probe that is moved from folder to folder."""
    root = config.spool.root.absolute()
    if not root.exists():
        yield _absent(root)
        return
    folders = _folders(root)
    yield folders
    if folders.is_a != "fault":
        yield _renames(root)
        yield _watch(root / "inbox", config.spool.rescan_s)
        yield _room(root)
        yield _daemon(root)


def _absent(root: Path) -> Finding:
    above = next(folder for folder in root.parents if folder.exists())
    if os.access(above, os.W_OK | os.X_OK):
        return good("Spool", f"{root} is not there yet; the daemon makes it at its first start")
    return fault(
        "Spool", f"{root} is not there, and cannot be made", f"give yourself the right to write in {above}"
    )


def _folders(root: Path) -> Finding:
    for folder in (root, *(root / name for name in FOLDERS)):
        if not folder.exists():
            continue  # made at the next start
        if not folder.is_dir():
            return fault("Spool", f"{folder} is a file, not a folder", "move it away")
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            mend = f"run as the daemon's user, or: chown or chmod {folder}"
            return fault("Spool", f"{folder}: this user may not read and write there", mend)
    missing = [name for name in FOLDERS if not (root / name).is_dir()]
    if missing:
        return odd("Spool", f"{root}: without {', '.join(missing)} yet", "the daemon makes them at its start")
    return good("Spool", f"{root}, readable and writable")


def _renames(root: Path) -> Finding:
    try:
        check_renames(root)
    except SpoolError as error:
        return fault("Renames", f"{error.thing}: {error.fault}", error.fix)
    return good("Renames", "a folder moves from inbox to work, outbox and archive at once")


def _room(root: Path) -> Finding:
    facts = os.statvfs(root)
    free_gb = facts.f_bavail * facts.f_frsize / GIB
    said = f"{gigabytes(free_gb)} free"
    if facts.f_files and facts.f_favail < FEW_INODES:
        return odd("Room", f"{facts.f_favail:,} inodes left for new files", "remove small files on this disk")
    if free_gb < TOO_LITTLE_GB:
        return fault("Room", said, "free some space: an hour of speech takes about 0.3 GB")
    if free_gb < LITTLE_GB:
        return odd(
            "Room", said, "an hour of speech takes about 0.3 GB; lower spool.archive_days, or free some"
        )
    return good("Room", said)


def _watch(inbox: Path, rescan_s: float) -> Finding:
    """Try what the daemon's alarm does: make an inotify instance and watch the inbox."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.inotify_init1(os.O_CLOEXEC))
    if fd < 0:
        return _no_watch("max_user_instances", ctypes.get_errno(), rescan_s)
    try:
        if libc.inotify_add_watch(fd, os.fsencode(inbox), 0x100) < 0:  # IN_CREATE
            return _no_watch("max_user_watches", ctypes.get_errno(), rescan_s)
    finally:
        os.close(fd)
    return good("Watch", "inotify works: a drop is seen at once")


def _no_watch(limit: str, code: int, rescan_s: float) -> Finding:
    late = f"drops are found by the scan only, every {rescan_s:g} s"
    if code in (errno.EMFILE, errno.ENOSPC):
        path = Path("/proc/sys/fs/inotify", limit)
        now = path.read_text("ascii").strip() if path.exists() else "?"
        return odd(
            "Watch", f"fs.inotify.{limit} = {now} is used up; {late}", f"sysctl fs.inotify.{limit}=8192"
        )
    return odd("Watch", f"inotify: {os.strerror(code)}; {late}")


def _daemon(root: Path) -> Finding:
    pid = daemon_pid(root)
    if pid is None:
        return good("Daemon", "none runs on this spool; `fishd run` starts one")
    try:
        status = read_status(root / "status.json")
    except BadStatus as error:
        return odd("Daemon", str(error))
    if status and status.config_faults:
        return odd(
            "Daemon",
            f"runs (process {pid}) with an older configuration: {status.config_faults[0]}",
            "mend the file, then `fishd reload`",
        )
    return good("Daemon", f"runs (process {pid})")
