"""From --config to the configuration, the spool and the daemon that serves it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from fishd.cli.output import CommandError
from fishd.core.config.config import BadConfig, Config
from fishd.core.model.status import Status
from fishd.host.config_file import load_config
from fishd.host.status_file import BadStatus, pid_is_alive, read_status, why_not_running
from fishd.spool.root import FOLDERS, LOCK


def read_config(path: Path | None) -> Config:
    """The configuration. Raises CommandError with all its faults."""
    try:
        return load_config(path, os.environ)
    except BadConfig as error:
        raise CommandError(error) from error


def spool_root(config: Config) -> Path:
    """The folder of an existing spool. Raises CommandError if there is none."""
    root = config.spool.root.absolute()
    missing = [name for name in FOLDERS if not (root / name).is_dir()]
    if missing:
        fault = "does not exist" if not root.exists() else f"is not a spool: it has no {missing[0]}/"
        raise CommandError(
            f"{root}: {fault}; name the configuration with --config, or create a spool with `fishd init DIR`"
        )
    return root


@contextmanager
def engine_cache(config: Config) -> Generator[Path]:
    """The folder for an engine's cache: the spool's, or a temporary one where there is no spool yet."""
    root = config.spool.root.absolute()
    if root.is_dir():
        yield root / ".cache"
        return
    with tempfile.TemporaryDirectory(prefix="fishd-cache-") as folder:
        yield Path(folder)


def daemon_pid(root: Path) -> int | None:
    """The process that holds the spool's lock; 0 if it is not known which, None if there is none.

    The number in the lock file alone proves nothing: after a crash another program may have it.
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


def last_status(root: Path) -> Status | None:
    """The status that a daemon wrote last, None if none has. Raises CommandError if it cannot be read."""
    try:
        return read_status(root / "status.json")
    except BadStatus as error:
        raise CommandError(error) from error


def why_no_daemon(root: Path, status: Status | None) -> str | None:
    """Why no daemon serves the spool, as a message; None if one does."""
    pid = daemon_pid(root)
    if pid is not None and (status is None or status.state == "stopped" or status.pid != pid):
        return None  # it has just started
    return why_not_running(status, root, lambda _: pid is not None)


def parse_job_name(argument: str) -> str:
    """A job's name, which may end in a slash. Raises CommandError for what cannot be one."""
    name = argument.rstrip("/")
    if "/" in name or name in ("", ".", "..") or name.startswith("."):
        raise CommandError(f"{argument}: is not a job's name; `fishd status` and the outbox list them")
    return name


def _pid_by_status(root: Path) -> int | None:
    """Where the lock cannot be read, the process that the last status names."""
    status = last_status(root)
    alive = status is not None and status.state != "stopped" and pid_is_alive(status.pid)
    return status.pid if status is not None and alive else None
