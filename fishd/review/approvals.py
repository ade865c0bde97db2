"""review.json in a result's folder: which lines a person has approved, and in which take.

An approval is of what was heard: a line that is spoken again is no longer approved. The file is replaced
whole; a lock on the folder keeps the writers of several servers apart.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from fishd.core.model.limits import MIB
from fishd.core.text.to_json import as_json
from fishd.review.results import NoSuchJob, check_name, open_file
from fishd.spool.durable.confined_fs import ConfinedFolder, chunks
from fishd.spool.durable.disk import write_all
from fishd.spool.durable.syscalls import FOLDER_FLAGS, open_beneath

REVIEW = "review.json"
REVIEW_BYTES = 64 * MIB
MAX_TRIES = 5  # the folder is exchanged by a revision while it is written to
LineKey = tuple[str, str]  # a speaker's name, a segment's id


class Approval(msgspec.Struct, frozen=True):
    """A line that is good in this take, which is the line's `version`; `at` is RFC 3339."""

    speaker: str
    id: str
    take: str
    at: str


class Review(msgspec.Struct, frozen=True):
    """review.json."""

    approved: tuple[Approval, ...] = ()


def read_approved(root: Path, job: str) -> dict[LineKey, str]:
    """The approved take of each line; empty where nobody has approved any, or the file is damaged."""
    return {(one.speaker, one.id): one.take for one in _read(root, job)}


def write_approved(root: Path, job: str, takes: Mapping[LineKey, str | None], at: str) -> None:
    """Approve these takes; None withdraws a line's approval. Raises NoSuchJob, OSError."""
    for _ in range(MAX_TRIES):
        with _locked_folder(root, job) as fd:
            approved = {(one.speaker, one.id): one for one in _read(root, job)}
            for (speaker, line), take in takes.items():
                if take is None:
                    approved.pop((speaker, line), None)
                else:
                    approved[speaker, line] = Approval(speaker, line, take, at)
            _replace(fd, as_json(Review(tuple(approved.values()))))
            if _is_still(fd, root / "outbox" / job):
                return


def _read(root: Path, job: str) -> Iterable[Approval]:
    try:
        with open_file(root, job, REVIEW) as fd:
            return msgspec.json.decode(b"".join(chunks(fd, REVIEW_BYTES)), type=Review).approved
    except (NoSuchJob, msgspec.MsgspecError):
        return ()


@contextmanager
def _locked_folder(root: Path, job: str) -> Generator[int]:
    with ConfinedFolder(root / "outbox") as outbox:
        try:
            fd = open_beneath(outbox.fd, check_name(job), FOLDER_FLAGS)
        except OSError as error:
            raise NoSuchJob(f"{job} is not in the outbox any more") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def _replace(folder: int, content: bytes) -> None:
    part = f".{REVIEW}.{secrets.token_hex(6)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(part, flags, 0o644, dir_fd=folder)
    try:
        write_all(fd, content)
        os.fsync(fd)
        os.replace(part, REVIEW, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except OSError:
        with suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
    finally:
        os.close(fd)


def _is_still(fd: int, folder: Path) -> bool:
    """Has no revision taken the folder's place?"""
    try:
        return os.path.samestat(os.fstat(fd), folder.lstat())
    except FileNotFoundError:
        return True
