"""Reads results from the outbox: never through a link, each part once per change of its file."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from fishd.core.model.limits import MIB
from fishd.core.model.result import Result, Totals
from fishd.spool.durable.confined_fs import ConfinedFolder, Refused, chunks

RESULT_BYTES = 128 * MIB
MAX_LISTED = 500
T = TypeVar("T")


class NoSuchJob(Exception):  # noqa: N818 - reads as what it is
    """There is no result of this name, or it cannot be read; the message is for the page."""


class JobRow(msgspec.Struct, frozen=True):
    """The part of result.json that the list of jobs shows."""

    title: str
    status: str
    finished: str
    totals: Totals
    job: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """Which file it was: another file, or the same one changed, gives another version."""

    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, facts: os.stat_result) -> Version:
        return cls(facts.st_ino, facts.st_size, facts.st_mtime_ns)


def check_name(job: str) -> str:
    """The name of a folder in the outbox. Raises NoSuchJob."""
    if not job or job.startswith(".") or "/" in job or "\0" in job:
        raise NoSuchJob(f"{job!r} is not a job's name")
    return job


def read_result(root: Path, job: str) -> Result:
    """Raises NoSuchJob."""
    with open_file(root, job, "result.json") as fd:
        return _decoded(fd, job, Result)


def result_version(root: Path, job: str) -> Version:
    """Raises NoSuchJob."""
    with open_file(root, job, "result.json") as fd:
        return Version.of(os.fstat(fd))


@contextmanager
def open_file(root: Path, job: str, relative: str) -> Generator[int]:
    """A regular file below outbox/JOB. Raises NoSuchJob."""
    path = f"{check_name(job)}/{relative}"
    try:
        with ConfinedFolder(root / "outbox") as outbox, outbox.file(path) as (fd, _):
            yield fd
    except Refused as refused:
        raise NoSuchJob(f"{relative} of {job} {refused}") from refused


class JobList:
    """The rows of all results, the latest first. Blocking; one caller at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # The mutable state: rows that were read, by name.
        self._rows: dict[str, tuple[Version, JobRow]] = {}

    def rows(self) -> list[JobRow]:
        """At most MAX_LISTED; results that cannot be read are left out."""
        names = self._latest()
        self._rows = {name: self._rows[name] for name in names if name in self._rows}
        return [row for name in names if (row := self._row(name))]

    def _latest(self) -> list[str]:
        try:
            with os.scandir(self._root / "outbox") as entries:
                changed = {
                    entry.name: entry.stat(follow_symlinks=False).st_mtime_ns
                    for entry in entries
                    if not entry.name.startswith(".")
                }
        except OSError:  # a result that goes meanwhile: the next change lists again
            return list(self._rows)
        return sorted(changed, key=changed.__getitem__, reverse=True)[:MAX_LISTED]

    def _row(self, name: str) -> JobRow | None:
        try:
            with open_file(self._root, name, "result.json") as fd:
                version = Version.of(os.fstat(fd))
                if (known := self._rows.get(name)) and known[0] == version:
                    return known[1]
                row = msgspec.structs.replace(_decoded(fd, name, JobRow), job=name)
        except NoSuchJob:
            return None
        self._rows[name] = (version, row)
        return row


def _decoded(fd: int, job: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(b"".join(chunks(fd, RESULT_BYTES)), type=kind)
    except msgspec.MsgspecError as error:
        raise NoSuchJob(f"result.json of {job} is not of this version of fishd: {error}") from error
