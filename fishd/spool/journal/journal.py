"""A job's journal, work/NAME/journal.jsonl: one JSON record a line, append-only.

A line is written after what it records is on the disk. A torn last line is left by a crash and is dropped.
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
from fishd.core.quality.take_quality import TakeQuality
from fishd.spool.durable.disk import Disk
from fishd.spool.work_folder import OUT

JOURNAL = "journal.jsonl"


class Line(msgspec.Struct, frozen=True, tag_field="is"):
    """The base of every line."""


class ClaimedLine(Line, frozen=True, tag="claimed"):
    """When the job was claimed (RFC 3339, UTC)."""

    at: str


class SpokenLine(Line, frozen=True, tag="spoken"):
    """A take's clip is on the disk: `speaker` is the speaker's position, `segment` the segment's id.

    A segment has several lines if takes had faults.
    """

    speaker: int
    segment: str
    text_hash: str
    voice_key: str
    size_bytes: int
    clip: Clip


class HeardLine(Line, frozen=True, tag="heard"):
    """A listener's verdict on the take whose clip is at `path`: its quality from now on."""

    speaker: int
    segment: str
    path: str
    quality: TakeQuality


class FailedLine(Line, frozen=True, tag="failed"):
    """A segment's takes so far gave no clip; of several lines the last one counts. See SegmentFailure."""

    speaker: int
    segment: str
    text_hash: str
    takes: int
    reason: str
    deaths: int = 0
    is_final: bool = True
    can_retry: bool = True


class CancelledLine(Line, frozen=True, tag="cancelled"):
    """The user cancelled this job."""

    at: str


class PublishLine(Line, frozen=True, tag="publish"):
    """Everything in `tree` is on the disk and is only moved from here on. The last line names the result.

    `takes`: the name under which `out` is kept, if `tree` is another folder and a later job can use it.
    `revision`: the number of the revision that replaces the result of this name; `result_hash` is of its
    result.json, and tells it from the former result after the two have changed places.
    """

    name: str
    tree: str = OUT
    takes: str = ""
    revision: int = 0
    result_hash: str = ""


AnyLine = ClaimedLine | SpokenLine | HeardLine | FailedLine | CancelledLine | PublishLine


class Journal:
    """Open for appending, by one caller at a time. An error closes it: open it again."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """Open or create the journal in `folder` (work/NAME); a torn last line is cut off."""
        self._disk = disk or Disk()
        self._folder = folder
        path = folder / JOURNAL
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        self._safe_bytes = _cut_to_whole_lines(self._fd)
        self._is_named = self._safe_bytes > 0  # publishing syncs the folder

    def append(self, line: AnyLine, *, sync: bool = True) -> None:
        """Append one line; on the disk when this returns, unless `sync` is False."""
        self.append_many((line,), sync=sync)

    def append_many(self, lines: Sequence[AnyLine], *, sync: bool = True) -> None:
        """Append lines with one sync. Raises OSError after undoing everything since the last sync."""
        try:
            self._disk.append(self._fd, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            if sync:
                fd, folders = self.unsynced()
                self._disk.sync_files([fd], folders)
                self.mark_synced()
        except OSError:
            self.roll_back()
            raise

    def close(self) -> None:
        """Close the file; may be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def unsynced(self) -> tuple[int, list[Path]]:
        """The descriptor, and the folder while the journal's entry in it may not be on the disk."""
        return self._fd, [] if self._is_named else [self._folder]

    def mark_synced(self) -> None:
        """Everything that was appended is on the disk."""
        self._safe_bytes = os.fstat(self._fd).st_size
        self._is_named = True

    def roll_back(self) -> None:
        """Cut off everything since the last sync and close: the kernel may have dropped those pages."""
        if self._fd >= 0:
            os.ftruncate(self._fd, self._safe_bytes)
        self.close()


def append_to_all(lines: Mapping[Path, Sequence[AnyLine]], disk: Disk, *, sync: bool = True) -> None:
    """Append lines to the journals of several folders, with one sync for all where the disk can.

    Without `sync` they survive this process, but not a power cut. Raises OSError after removing these lines
    from all of the journals.
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
                journal.roll_back()
            raise


def sync_all(folders: Sequence[Path], disk: Disk) -> None:
    """Sync the journals in these folders; a folder without one is skipped.

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
            faults.append(Fault(f"{JOURNAL}:{number}", f"cannot be read ({error}); its work is repeated"))
    return lines, faults


def text_hash(text: str) -> str:
    """Tells whether a segment's text has changed since its line was written."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _cut_to_whole_lines(fd: int) -> int:
    """Cut off a torn last line; the remaining size. Only a torn journal is read."""
    size_bytes = os.fstat(fd).st_size
    if not size_bytes or os.pread(fd, 1, size_bytes - 1) == b"\n":
        return size_bytes
    whole_bytes = _whole_bytes(os.pread(fd, size_bytes, 0))
    os.ftruncate(fd, whole_bytes)
    return whole_bytes


def _whole_bytes(content: bytes) -> int:
    """The length up to the last line's end."""
    return content.rfind(b"\n") + 1
