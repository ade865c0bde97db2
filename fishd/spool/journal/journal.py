"""A job's journal, work/NAME/journal.jsonl: what is done stays done. One JSON record a line, only added to.

A line is written after what it tells of is on the disk. A torn last line is a crash's and is dropped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import msgspec

from fishd.core.model.job import Clip, Fault
from fishd.spool.durable.disk import Disk

JOURNAL = "journal.jsonl"


class Line(msgspec.Struct, frozen=True, tag_field="is"):
    """The base of every line."""


class ClaimedLine(Line, frozen=True, tag="claimed"):
    """The job's first moment (RFC 3339, UTC)."""

    at: str


class SpokenLine(Line, frozen=True, tag="spoken"):
    """A segment's clip of `size_bytes` is on the disk: `speaker` is its position, `segment` its id."""

    speaker: int
    segment: str
    text_hash: str
    voice_key: str
    size_bytes: int
    clip: Clip


class FailedLine(Line, frozen=True, tag="failed"):
    """A segment is given up after so many takes."""

    speaker: int
    segment: str
    text_hash: str
    takes: int
    reason: str


class CancelledLine(Line, frozen=True, tag="cancelled"):
    """The user wants no more of this job."""

    at: str


class PublishLine(Line, frozen=True, tag="publish"):
    """Everything in out/ is on the disk: from here on it is only moved. The last one names the result."""

    name: str


AnyLine = ClaimedLine | SpokenLine | FailedLine | CancelledLine | PublishLine


class Journal:
    """Open for adding, by one caller at a time. After an error it is closed: open it anew."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """Open or begin the journal in `folder` (work/NAME); a torn last line is cut off."""
        self._disk = disk or Disk()
        self._folder = folder
        path = folder / JOURNAL
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        self._safe_bytes = _cut_to_whole_lines(self._fd)
        self._is_named = self._safe_bytes > 0  # and if not on the disk, publish will see to it

    def append(self, line: AnyLine, *, sync: bool = True) -> None:
        """Add one line; on the disk when this returns, unless `sync` is False."""
        self.append_many((line,), sync=sync)

    def append_many(self, lines: Sequence[AnyLine], *, sync: bool = True) -> None:
        """Add lines with one sync for all. Raises OSError, and then nothing since the last sync stands."""
        try:
            self._disk.append(self._fd, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            if sync:
                fd, folders = self.unsynced()
                self._disk.sync_files([fd], folders)
                self.is_synced()
        except OSError:
            self.take_back()
            raise

    def close(self) -> None:
        """Close the file; again is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def unsynced(self) -> tuple[int, list[Path]]:
        """The descriptor, and the folder while the journal's name in it may not be on the disk."""
        return self._fd, [] if self._is_named else [self._folder]

    def is_synced(self) -> None:
        """Everything that was added stands now."""
        self._safe_bytes = os.fstat(self._fd).st_size
        self._is_named = True

    def take_back(self) -> None:
        """Cut off all since the last sync and close: the kernel may have thrown those pages away."""
        if self._fd >= 0:
            os.ftruncate(self._fd, self._safe_bytes)
        self.close()


def append_to_all(lines: Mapping[Path, Sequence[AnyLine]], disk: Disk, *, sync: bool = True) -> None:
    """Add lines to the journals of several folders, with one sync for all where the disk can.

    Without `sync` they outlive this process, but not a power cut. Raises OSError, and then none of these
    lines stands in any of them.
    """
    with ExitStack() as stack:
        journals = {folder: stack.enter_context(Journal(folder, disk)) for folder in lines}
        try:
            for folder, journal in journals.items():
                journal.append_many(lines[folder], sync=False)
            if not sync:
                return
            unsynced = [journal.unsynced() for journal in journals.values()]
            disk.sync_files(
                [fd for fd, _ in unsynced], [folder for _, folders in unsynced for folder in folders]
            )
        except OSError:
            for journal in journals.values():
                journal.take_back()
            raise


def sync_all(folders: Sequence[Path], disk: Disk) -> None:
    """Force the journals that stand in these folders to the disk; none is made where a job is gone.

    Raises OSError.
    """
    with ExitStack() as stack:
        fds: list[int] = []
        for folder in folders:
            with suppress(FileNotFoundError):
                fds.append(os.open(folder / JOURNAL, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
                stack.callback(os.close, fds[-1])
        disk.sync_files(fds, [folder for folder in folders if folder.is_dir()])


def read_journal(folder: Path) -> tuple[list[AnyLine], list[Fault]]:
    """Every line that can be read, and a fault for each that cannot; nothing if there is no journal."""
    try:
        content = (folder / JOURNAL).read_bytes()
    except FileNotFoundError:
        return [], []
    lines: list[AnyLine] = []
    faults: list[Fault] = []
    decoder = msgspec.json.Decoder(AnyLine)
    for number, text in enumerate(content[: _whole_bytes(content)].splitlines(), 1):
        try:
            lines.append(decoder.decode(text))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            faults.append(
                Fault(f"{JOURNAL}:{number}", f"cannot be read ({error}); what it told is done again")
            )
    return lines, faults


def text_hash(text: str) -> str:
    """What a SpokenLine remembers of a text, to see whether it has changed."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _cut_to_whole_lines(fd: int) -> int:
    """The bytes that are left; only a torn journal is read for it."""
    size_bytes = os.fstat(fd).st_size
    if not size_bytes or os.pread(fd, 1, size_bytes - 1) == b"\n":
        return size_bytes
    whole_bytes = _whole_bytes(os.pread(fd, size_bytes, 0))
    os.ftruncate(fd, whole_bytes)
    return whole_bytes


def _whole_bytes(content: bytes) -> int:
    """The length up to the last line's end."""
    return content.rfind(b"\n") + 1
