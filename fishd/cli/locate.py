"""From --config to the configuration, the spool and whoever serves it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from fishd.cli.output import CommandError
from fishd.core.config.config import BadConfig, Config
from fishd.core.model.result import Status
from fishd.host.config_file import load_config
from fishd.host.status_file import BadStatus, pid_is_alive, read_status, why_not_running
from fishd.spool.root import FOLDERS, LOCK


def load(path: Path | None) -> Config:
    """The configuration; CommandError with all that is wrong with it."""
    try:
        return load_config(path, os.environ)
    except BadConfig as error:
        raise CommandError(error) from error


def spool_root(config: Config) -> Path:
    """Where the spool is; CommandError if there is none."""
    root = config.spool.root.absolute()
    missing = [name for name in FOLDERS if not (root / name).is_dir()]
    if missing:
        lacks = "is not there" if not root.exists() else f"is no spool: it has no {missing[0]}/"
        raise CommandError(
            f"{root}: {lacks}; name the configuration with --config, or make a spool with `fishd init DIR`"
        )
    return root


def daemon_pid(root: Path) -> int | None:
    """The process that holds the spool's lock; None if nobody does.

    The number in the lock file alone proves nothing: after a crash it may be another program's by now.
    """
    try:
        fd = os.open(root / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return _pid_by_status(root)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(fd, 32, 0).strip()
        return int(owner) if owner.isdigit() else 0
    finally:
        os.close(fd)
    return None


def status_of(root: Path) -> Status | None:
    """The last status that a daemon wrote; CommandError if it cannot be read."""
    try:
        return read_status(root / "status.json")
    except BadStatus as error:
        raise CommandError(error) from error


def why_silent(root: Path, status: Status | None) -> str | None:
    """In words, why no daemon serves the spool; None if one does."""
    running = daemon_pid(root)
    if running is not None and (status is None or status.state == "stopped" or status.pid != running):
        return None  # it has only just started
    return why_not_running(status, root, lambda _: running is not None)


def job_named(said: str) -> str:
    """A job's name as a user gives it, perhaps as a path's end; CommandError if it can be none."""
    name = said.rstrip("/")
    if "/" in name or name in ("", ".", "..") or name.startswith("."):
        raise CommandError(f"{said}: is not a job's name; `fishd status` and the outbox show them")
    return name


def _pid_by_status(root: Path) -> int | None:
    """Where the lock may not be read: what the daemon last said of itself."""
    status = status_of(root)
    alive = status is not None and status.state != "stopped" and pid_is_alive(status.pid)
    return status.pid if status is not None and alive else None
