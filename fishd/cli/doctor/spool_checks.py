"""What `fishd doctor` checks in the spool: folders, renames, inotify, free space, and the daemon."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from fishd.cli.findings import FAULT, OK, WARNING, Finding
from fishd.cli.locate import daemon_pid
from fishd.core.config.config import Config
from fishd.core.text.humanize import gigabytes
from fishd.host.status_file import BadStatus, read_status
from fishd.spool.errors import SpoolError
from fishd.spool.root import FOLDERS, check_renames

LOW_SPACE_GB = 2.0
NO_SPACE_GB = 0.1
LOW_INODES = 10_000
SPACE_NEEDED = "an hour of speech needs about 0.3 GB"
_GIB = 1024**3
_IN_CREATE = 0x100


def check_spool(config: Config) -> Iterator[Finding]:
    """All findings. Nothing is changed, except that a probe is moved from folder to folder."""
    root = config.spool.root.absolute()
    if not root.exists():
        yield _check_parent(root)
        return
    folders = _check_folders(root)
    yield folders
    if folders.mark == FAULT:
        return
    if folders.mark == OK:
        yield _check_renames(root)
        yield _check_inotify(root / "inbox", config.spool.rescan_s)
    yield _check_space(root)
    yield _check_daemon(root)


def _check_parent(root: Path) -> Finding:
    above = next(folder for folder in root.parents if folder.exists())
    if os.access(above, os.W_OK | os.X_OK):
        return Finding(OK, f"{root} does not exist yet; the daemon creates it when it starts", "Spool")
    fix = f"give this user permission to write in {above}"
    return Finding(FAULT, f"{root} does not exist and cannot be created", "Spool", fix)


def _check_folders(root: Path) -> Finding:
    missing: list[str] = []
    for folder in (root, *(root / name for name in FOLDERS)):
        if not folder.exists():
            missing.append(folder.name)
        elif not folder.is_dir():
            return Finding(FAULT, f"{folder} is a file, not a folder", "Spool", "move it away")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            fix = f"run this as the daemon's user, or change the owner or mode of {folder}"
            return Finding(FAULT, f"{folder}: this user cannot read and write there", "Spool", fix)
    if missing:
        fix = "the daemon creates them when it starts"
        return Finding(WARNING, f"{root} has no {', '.join(missing)} yet", "Spool", fix)
    return Finding(OK, f"{root}, readable and writable", "Spool")


def _check_renames(root: Path) -> Finding:
    try:
        check_renames(root)
    except SpoolError as error:
        return Finding(FAULT, f"{error.thing}: {error.fault}", "Renames", error.fix)
    return Finding(OK, "a folder can be renamed from inbox to work, outbox and archive", "Renames")


def _check_inotify(inbox: Path, rescan_s: float) -> Finding:
    """Watch the inbox, as the daemon does."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.inotify_init1(os.O_CLOEXEC))
    if fd < 0:
        return _no_inotify("max_user_instances", ctypes.get_errno(), rescan_s)
    try:
        if libc.inotify_add_watch(fd, os.fsencode(inbox), _IN_CREATE) < 0:
            return _no_inotify("max_user_watches", ctypes.get_errno(), rescan_s)
    finally:
        os.close(fd)
    return Finding(OK, "inotify works; a new bundle is noticed at once", "Watch")


def _no_inotify(limit: str, code: int, rescan_s: float) -> Finding:
    late = f"new bundles are only noticed every {rescan_s:g} s, by the scan"
    if code not in (errno.EMFILE, errno.ENOSPC):
        return Finding(WARNING, f"inotify: {os.strerror(code)}; {late}", "Watch")
    path = Path("/proc/sys/fs/inotify", limit)
    now = path.read_text("ascii").strip() if path.exists() else "?"
    text = f"fs.inotify.{limit} = {now} is used up; {late}"
    return Finding(WARNING, text, "Watch", f"sysctl fs.inotify.{limit}=8192")


def _check_space(root: Path) -> Finding:
    disk = os.statvfs(root)
    free_gb = disk.f_bavail * disk.f_frsize / _GIB
    text = f"{gigabytes(free_gb)} free"
    if disk.f_files and disk.f_favail < LOW_INODES:
        text = f"{disk.f_favail:,} inodes left for new files"
        return Finding(WARNING, text, "Disk", "remove small files from this disk")
    if free_gb < NO_SPACE_GB:
        return Finding(FAULT, text, "Disk", f"free some space: {SPACE_NEEDED}")
    if free_gb < LOW_SPACE_GB:
        return Finding(WARNING, text, "Disk", f"{SPACE_NEEDED}; lower spool.archive_days, or free some space")
    return Finding(OK, text, "Disk")


def _check_daemon(root: Path) -> Finding:
    pid = daemon_pid(root)
    if pid is None:
        return Finding(OK, "not running; `fishd run` starts one", "Daemon")
    try:
        status = read_status(root / "status.json")
    except BadStatus as error:
        return Finding(WARNING, str(error), "Daemon")
    if status and status.config_faults:
        text = f"runs (process {pid}) with an older configuration: {status.config_faults[0]}"
        return Finding(WARNING, text, "Daemon", "fix the file, then `fishd reload`")
    return Finding(OK, f"runs (process {pid})", "Daemon")
