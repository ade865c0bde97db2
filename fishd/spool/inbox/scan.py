"""What stands in the inbox: is it complete yet, and if so, claim it.

The scan is the truth; events only make it sooner. A bundle is complete at once with a `.ready` in it, else
when its tree has been still for `settle_s` and holds everything that it names. One that stays incomplete
for `settle_timeout_s` is found all the same, with what it lacks. Time is passed in, in seconds of a clock
that never goes back. Nothing is followed out of the inbox, and nothing in it is changed but by a claim.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.spool.archive import unpack as archive
from fishd.spool.bundle.convention import is_ignored
from fishd.spool.bundle.load import lacking
from fishd.spool.bundle.tree_scan import scan_tree
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError, disk_error, fix_for
from fishd.spool.inbox.settle import SettlePolicy, SettleState
from fishd.spool.names import job_name, numbered, printable
from fishd.spool.work_folder import BUNDLE, ENDING

READY = ".ready"
MOST_BACKOFF_S = 60.0
NOT_OURS = "chmod -R g+rwX it, or drop it with `fishd submit`"  # the kernel asks for that of a moved folder


@dataclass(frozen=True, slots=True)
class CompleteBundle:
    """A bundle to claim; with `faults` it is to be rejected for them. `name` is as the disk has it."""

    name: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """`settling` are the bundles waited for; `replaced`: the inbox is not the folder of the last scan."""

    found: tuple[CompleteBundle, ...]
    settling: tuple[str, ...]
    replaced: bool


@dataclass(frozen=True, slots=True)
class ClaimedBundle:
    """A bundle that is ours now: `folder` is work/NAME, `bundle` the user's folder in it."""

    name: str
    folder: Path
    bundle: Path
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class FailedClaim:
    """A bundle that could not be claimed; it is tried again later. `first`: it was not said before."""

    name: str
    error: SpoolError
    first: bool


@dataclass(frozen=True, slots=True)
class Claims:
    """What became of a batch. `fault`: the claims stand, but could not be forced to the disk."""

    claimed: tuple[ClaimedBundle, ...]
    stuck: tuple[FailedClaim, ...]
    fault: SpoolError | None = None


class Inbox:
    """Remembers what settles. Blocking; one caller at a time."""

    def __init__(
        self,
        inbox: Path,
        work: Path,
        settle_s: float = 2.0,
        settle_timeout_s: float = 300.0,
        *,
        limits: Limits | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._inbox = inbox
        self._work = work
        self._limits = limits or Limits()
        self._disk = disk or Disk()
        self._waiting: dict[str, SettleState] = {}
        self._identity: tuple[int, int] | None = None
        self.settle(settle_s, settle_timeout_s)

    def settle(self, settle_s: float, settle_timeout_s: float) -> None:
        """Take other times, as after a reload."""
        self._patience = SettlePolicy(settle_s, settle_timeout_s)

    def scan(self, now: float) -> Scan:
        """Look at every entry; those found stay in the inbox until they are claimed. Raises SpoolError."""
        try:
            replaced = self._is_replaced()
            with os.scandir(self._inbox) as entries:
                here = [entry for entry in entries if not is_ignored(entry.name)]
        except OSError as error:
            raise disk_error(str(self._inbox), "cannot be read", error) from error
        known = self._waiting
        self._waiting = {entry.name: known.get(entry.name) or SettleState(now, now) for entry in here}
        found = tuple(found for entry in here if (found := self._look(entry, self._waiting[entry.name], now)))
        taken = {one.name for one in found}
        return Scan(found, tuple(name for name in self._waiting if name not in taken), replaced)

    @property
    def unclaimable(self) -> frozenset[str]:
        """The bundles that are complete, but cannot be claimed yet."""
        return frozenset(name for name, waiting in self._waiting.items() if waiting.failures)

    def next_wake(self, now: float) -> float | None:
        """Seconds until a scan could find something without any event; None if only an event can bring it."""
        due = min((waiting.due for waiting in self._waiting.values()), default=None)
        return None if due is None else max(0.0, due - now)

    def claim(self, found: Sequence[CompleteBundle], now: float) -> Claims:
        """Move bundles into work/, with two syncs for the batch. One that is gone meanwhile is left out."""
        claimed: list[ClaimedBundle] = []
        stuck: list[FailedClaim] = []
        for one in found:
            try:
                claimed.append(self._claim_one(one))
                self._waiting.pop(one.name, None)
            except FileNotFoundError:
                self._waiting.pop(one.name, None)
            except OSError as error:
                stuck.append(self._stuck(one.name, error, now))
        return Claims(tuple(claimed), tuple(stuck), self._sync() if claimed else None)

    def _look(self, entry: os.DirEntry[str], waiting: SettleState, now: float) -> CompleteBundle | None:
        if waiting.failures and now < waiting.due:
            return None
        try:
            if not entry.is_dir(follow_symlinks=False):
                return self._look_at_stray(entry, waiting, now)
            if os.path.lexists(f"{entry.path}/{READY}"):
                return CompleteBundle(entry.name)
            return self._look_at_bundle(entry, waiting, now) if now >= waiting.due else None
        except FileNotFoundError:  # removed while it settles
            return None

    def _look_at_bundle(
        self, entry: os.DirEntry[str], waiting: SettleState, now: float
    ) -> CompleteBundle | None:
        folder = Path(entry.path)
        try:
            seen = scan_tree(folder, self._limits)
        except PermissionError as error:
            unreadable = Fault("bundle", f"cannot be read: {error.strerror}; {fix_for(error)}")
            return self._wait(entry.name, waiting, now, unreadable)
        self._patience.note(waiting, seen.fingerprint, now)
        if not self._patience.is_still(waiting, now):
            return self._wait(entry.name, waiting, now)
        if seen.faults:
            return CompleteBundle(entry.name, seen.faults)
        if waiting.lacks is None:
            waiting.lacks = lacking(folder, self._limits)
        return (
            self._wait(entry.name, waiting, now, *waiting.lacks)
            if waiting.lacks
            else CompleteBundle(entry.name)
        )

    def _look_at_stray(
        self, entry: os.DirEntry[str], waiting: SettleState, now: float
    ) -> CompleteBundle | None:
        """A file may be on its way to become something else; after the time for that it is rejected."""
        facts = entry.stat(follow_symlinks=False)
        self._patience.note(waiting, hash((facts.st_mode, facts.st_size, facts.st_mtime_ns)), now)
        if stat.S_ISREG(facts.st_mode) and archive.is_archive(entry.name):
            return self._look_at_archive(entry, waiting, now)
        kinds = {stat.S_IFLNK: "a symlink", stat.S_IFREG: "a file"}
        kind = kinds.get(stat.S_IFMT(facts.st_mode), "a special file")
        fault = Fault(printable(entry.name), f"is {kind}, not a folder; drop a folder, or an archive of one")
        return self._wait(entry.name, waiting, now, fault)

    def _look_at_archive(
        self, entry: os.DirEntry[str], waiting: SettleState, now: float
    ) -> CompleteBundle | None:
        if now < waiting.due:
            return None
        if not self._patience.is_still(waiting, now):
            return self._wait(entry.name, waiting, now)
        if waiting.lacks is None:
            waiting.lacks = archive.lacking(Path(entry.path), self._limits)
        return (
            self._wait(entry.name, waiting, now, *waiting.lacks)
            if waiting.lacks
            else CompleteBundle(entry.name)
        )

    def _wait(self, name: str, waiting: SettleState, now: float, *lacks: Fault) -> CompleteBundle | None:
        """Look again later; or, after all patience, reject."""
        if self._patience.is_over(waiting, now):
            seconds = self._patience.timeout_s
            return CompleteBundle(name, (*lacks, Fault("bundle", f"stayed incomplete for {seconds:g} s")))
        self._patience.look_again(waiting, now, len(self._waiting))
        return None

    def _is_replaced(self) -> bool:
        facts = self._inbox.stat()
        before, self._identity = self._identity, (facts.st_dev, facts.st_ino)
        return before not in (None, self._identity)

    def _claim_one(self, found: CompleteBundle) -> ClaimedBundle:
        source = self._inbox / found.name
        folder = _free_folder(self._disk, self._work, job_name(archive.without_ending(found.name)))
        try:
            if (ending := _unexpected_ending(source)) is not None:
                self._disk.write(folder / ENDING, ending.encode())
            self._disk.rename(source, folder / BUNDLE)
        except OSError:
            with suppress(FileNotFoundError):
                self._disk.remove_file(folder / ENDING)
            self._disk.remove_folder(folder)
            raise
        return ClaimedBundle(folder.name, folder, folder / BUNDLE, found.faults)

    def _stuck(self, name: str, error: OSError, now: float) -> FailedClaim:
        waiting = self._waiting.setdefault(name, SettleState(now, now))
        waiting.failures += 1
        waiting.due = now + min(MOST_BACKOFF_S, 2.0 ** min(waiting.failures, 10))
        thing, what = f"inbox/{printable(name)}", "cannot be claimed"
        if isinstance(error, PermissionError) and not os.access(self._inbox / name, os.W_OK):
            fault = SpoolError(thing, f"{what}: only its owner may write in it", NOT_OURS)
        else:
            fault = disk_error(thing, what, error)
        return FailedClaim(name, fault, first=waiting.failures == 1)

    def _sync(self) -> SpoolError | None:
        try:
            self._disk.sync_folders([self._work, self._inbox])
        except OSError as error:
            return disk_error(str(self._inbox.parent), "cannot be forced to the disk", error)
        return None


def _unexpected_ending(dropped: Path) -> str | None:
    """The ending of a file whose content suggests another one: a .docx is a zip as well. Raises OSError."""
    if stat.S_ISDIR(dropped.lstat().st_mode):
        return None
    ending = archive.ending(dropped.name)
    return None if ending == archive.ending_by_content(dropped) else ending


def _free_folder(disk: Disk, work: Path, name: str) -> Path:
    number = 1
    while True:
        folder = work / numbered(name, number)
        try:
            disk.make_folder(folder)
        except FileExistsError:
            number += 1
        else:
            return folder
