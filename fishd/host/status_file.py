"""Write and read status.json, by which the daemon reports its state to other processes.

The file is replaced atomically, so that a reader sees the old one or the new one. It is not fsynced: after a
power cut it would be stale anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import aiofiles
import aiofiles.os
import msgspec

from fishd.core.model.status import Status
from fishd.core.text.humanize import utc_time
from fishd.core.text.to_json import as_json


class BadStatus(Exception):  # noqa: N818 - named like BadBundle, BadConfig
    """status.json cannot be read; the message has its path and the fix."""


async def write_status(path: Path, status: Status) -> None:
    """Replace the file at `path` in one step. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    async with aiofiles.open(part, "wb") as file:
        await file.write(as_json(status))
    await aiofiles.os.replace(part, path)


def read_status(path: Path) -> Status | None:
    """The last status that a daemon wrote; None if there is none. Raises BadStatus."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Status)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadStatus(
            f"{path}: cannot be read ({error.strerror}); run the command as a user with read permission"
        ) from error
    except msgspec.MsgspecError as error:
        raise BadStatus(
            f"{path}: is not the status of this version of fishd ({error}); restart the daemon"
        ) from error


def pid_is_alive(pid: int) -> bool:
    """Whether a process with this pid exists, of any user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def why_not_running(
    status: Status | None, spool: Path, is_alive: Callable[[int], bool] = pid_is_alive
) -> str | None:
    """Why no daemon serves this spool now, in words; None if one does."""
    if status is None:
        return f"no daemon has run here ({spool}); start one with `fishd run`"
    if status.state == "stopped":
        return f"the daemon was stopped at {utc_time(status.at)}; start it with `fishd run`"
    if not is_alive(status.pid):
        return (
            f"the daemon (process {status.pid}) died at about {utc_time(status.at)}; "
            "start it with `fishd run`: it resumes unfinished jobs"
        )
    return None
