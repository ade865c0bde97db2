"""status.json: how the daemon tells other processes what it is doing.

The daemon replaces the file whole; a reader sees the old one or the new one, never half of either. It is
not fsynced: after a power cut it would be stale anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import aiofiles
import aiofiles.os
import msgspec

from fishd.core.model.result import Status
from fishd.core.text.humanize import moment
from fishd.core.text.to_json import as_json


class BadStatus(Exception):  # noqa: N818 -- the house names faults by whose they are: BadBundle, BadConfig
    """A status.json that cannot be read, with its place and what to do."""


async def write_status(path: Path, status: Status) -> None:
    """Replace the file at `path` in one step. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    async with aiofiles.open(part, "wb") as file:
        await file.write(as_json(status))
    await aiofiles.os.replace(part, path)


def read_status(path: Path) -> Status | None:
    """The last status that a daemon wrote there; None if none has. Raises BadStatus."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Status)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadStatus(
            f"{path}: cannot be read ({error.strerror}); ask as a user who may read it"
        ) from error
    except msgspec.MsgspecError as error:
        raise BadStatus(
            f"{path}: is not the status of this version of fishd ({error}); restart the daemon"
        ) from error


def pid_is_alive(pid: int) -> bool:
    """Whether a process of that number exists, ours or not."""
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
    """In words, why no daemon serves this spool now; None when one does."""
    if status is None:
        return f"no daemon has run here ({spool}); start one with `fishd run`"
    if status.state == "stopped":
        return f"the daemon was stopped at {moment(status.at)}; start it with `fishd run`"
    if not is_alive(status.pid):
        return (
            f"the daemon (process {status.pid}) is gone since about {moment(status.at)}, "
            "without saying goodbye; "
            "start it with `fishd run`: it resumes what is unfinished"
        )
    return None
