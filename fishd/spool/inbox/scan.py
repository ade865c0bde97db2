"""Scan the inbox for complete bundles, and claim them.

The scan decides; file system events only make it run sooner. A bundle is complete at once if it holds a
`.ready`, else when its tree has not changed for `settle_s` and holds every file that it names. One that is
still incomplete after `settle_timeout_s` is returned too, with what it lacks. A request for a revision, which
comes by one rename, is complete as soon as it can be read and its job is not in work. Times are in seconds of
a monotonic clock. Links are not followed, and nothing in the inbox is changed except by a claim.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.core.model.limits import Limits
from fishd.spool import endings
from fishd.spool.archive import unpack
from fishd.spool.bundle import load
from fishd.spool.bundle.convention import is_ignored
from fishd.spool.bundle.tree_scan import scan_tree
from fishd.spool.durable.disk import Disk
from fishd.spool.errors import SpoolError, disk_error, fix_for
from fishd.spool.inbox.settle import SettlePolicy, SettleState
from fishd.spool.names import job_name, numbered, printable
from fishd.spool.revision.request_file import read_request
from fishd.spool.work_folder import BUNDLE, ENDING

READY = ".ready"
MAX_BACKOFF_S = 60.0
NOT_OURS = "chmod -R g+rwX it, or drop it with `fishd submit`"  # moving a folder takes write access to it
Lacking = Callable[[Path, Limits], tuple[Fault, ...]]
KINDS = {stat.S_IFLNK: "a symlink", stat.S_IFREG: "a file"}


@dataclass(frozen=True, slots=True)
class CompleteBundle:
    """A bundle to claim, to be rejected if it has faults. `name` is as the disk has it.

    `revises` is the job that a request is for.
    """

    name: str
    faults: tuple[Fault, ...] = ()
    revises: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """The bundles to claim, and the names of those that are still settling."""

    found: tuple[CompleteBundle, ...]
    settling: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimedBundle:
    """A bundle that the daemon owns now: `folder` is work/NAME."""

    name: str
    folder: Path
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class FailedClaim:
    """A bundle that could not be claimed; it is tried again later."""

    name: str
    error: SpoolError


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a batch. `fault`: they are done, but could not be forced to the disk."""

    claimed: tuple[ClaimedBundle, ...]
    stuck: tuple[FailedClaim, ...]
    fault: SpoolError | None = None


class _JobInWork(Exception):  # noqa: N818 - reads as what it is
    """The job of a request is in work: the request waits."""


class Inbox:
    """The inbox, with what is remembered of every entry in it. Blocking; one caller at a time."""

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
        self._disk = disk or Disk()
        self._states: dict[str, SettleState] = {}
        self.has_requests = False  # did the last scan see requests for revisions?
        self.settle(settle_s, settle_timeout_s, limits or Limits())

    def settle(self, settle_s: float, settle_timeout_s: float, limits: Limits) -> None:
        """Use these times and limits from the next scan on. New limits count as a change of every entry."""
        self._policy = SettlePolicy(settle_s, settle_timeout_s)
        self._limits = limits

    def scan(self, now: float) -> Scan:
        """Check every entry; what is complete stays in the inbox until it is claimed. Raises SpoolError."""
        try:
            with os.scandir(self._inbox) as entries:
                present = [entry for entry in entries if not is_ignored(entry.name)]
        except OSError as error:
            raise disk_error(str(self._inbox), "cannot be read", error) from error
        known = self._states
        self._states = {entry.name: known.get(entry.name) or SettleState(now, now) for entry in present}
        self.has_requests = False
        present.sort(key=_when_written)  # requests for one job come one after the other
        found = [bundle for entry in present if (bundle := self._check(entry, now))]
        names = {bundle.name for bundle in found}
        return Scan(tuple(found), tuple(name for name in self._states if name not in names))

    @property
    def unclaimable(self) -> frozenset[str]:
        """The bundles that are complete, but could not be claimed yet."""
        return frozenset(name for name, state in self._states.items() if state.failures)

    def next_wake(self, now: float) -> float | None:
        """Seconds until a scan can find something without any event; None if only an event can help."""
        due = min((state.due for state in self._states.values()), default=None)
        return None if due is None else max(0.0, due - now)

    def claim(self, found: Sequence[CompleteBundle], now: float) -> Claims:
        """Move bundles into work/, with two syncs for the batch. One that has disappeared is left out."""
        claimed: list[ClaimedBundle] = []
        failed: list[FailedClaim] = []
        for bundle in found:
            try:
                claimed.append(self._claim_one(bundle))
                self._states.pop(bundle.name, None)
            except (FileNotFoundError, _JobInWork):
                self._states.pop(bundle.name, None)
            except OSError as error:
                failed.append(self._failed(bundle.name, error, now))
        return Claims(tuple(claimed), tuple(failed), self._sync() if claimed else None)

    # ---- checking ----------------------------------------------------------------------------------

    def _check(self, entry: os.DirEntry[str], now: float) -> CompleteBundle | None:
        state = self._states[entry.name]
        if state.failures and now < state.due:
            return None
        try:
            if not entry.is_dir(follow_symlinks=False):
                return self._check_file(entry, state, now)
            if os.path.lexists(f"{entry.path}/{READY}"):
                return CompleteBundle(entry.name)
            return self._check_folder(entry, state, now) if now >= state.due else None
        except FileNotFoundError:  # removed while it settles
            return None

    def _check_folder(self, entry: os.DirEntry[str], state: SettleState, now: float) -> CompleteBundle | None:
        try:
            tree = scan_tree(Path(entry.path), self._limits)
        except PermissionError as error:
            unreadable = Fault("bundle", f"cannot be read: {error.strerror}; {fix_for(error)}")
            return self._wait(entry.name, state, now, unreadable)
        self._policy.note(state, hash((tree.fingerprint, self._limits)), now)
        if tree.faults and self._policy.has_settled(state, now):
            return CompleteBundle(entry.name, tree.faults)
        return self._check_content(entry, state, now, load.lacking)

    def _check_file(self, entry: os.DirEntry[str], state: SettleState, now: float) -> CompleteBundle | None:
        facts = entry.stat(follow_symlinks=False)
        fingerprint = hash((facts.st_mode, facts.st_size, facts.st_mtime_ns, self._limits))
        self._policy.note(state, fingerprint, now)
        if stat.S_ISREG(facts.st_mode) and endings.is_request(entry.name):
            return self._check_request(entry, state, now)
        if stat.S_ISREG(facts.st_mode) and endings.ending(entry.name):
            lacking = unpack.lacking if endings.is_archive(entry.name) else load.lacking_script
            return self._check_content(entry, state, now, lacking) if now >= state.due else None
        kind = KINDS.get(stat.S_IFMT(facts.st_mode), "a special file")
        fault = Fault(printable(entry.name), f"is {kind}; drop a folder, an archive of one, or a script")
        return self._wait(entry.name, state, now, fault)  # it may still be renamed or replaced

    def _check_request(
        self, entry: os.DirEntry[str], state: SettleState, now: float
    ) -> CompleteBundle | None:
        """Complete as soon as it can be read, but not while its job is in work."""
        self.has_requests = True
        if state.lacks is None:
            request, faults = read_request(Path(entry.path), self._limits)
            state.lacks, state.revises = tuple(faults), request.job
        if state.lacks and not self._policy.has_settled(state, now):
            return self._wait(entry.name, state, now)
        if state.lacks:
            return CompleteBundle(entry.name, state.lacks)
        if os.path.lexists(self._work / state.revises):
            state.due = now + MAX_BACKOFF_S
            return None
        return CompleteBundle(entry.name, revises=state.revises)

    def _check_content(
        self, entry: os.DirEntry[str], state: SettleState, now: float, lacking: Lacking
    ) -> CompleteBundle | None:
        """Complete if it has settled and lacks nothing."""
        if not self._policy.has_settled(state, now):
            return self._wait(entry.name, state, now)
        if state.lacks is None:
            state.lacks = lacking(Path(entry.path), self._limits)
        return self._wait(entry.name, state, now, *state.lacks) if state.lacks else CompleteBundle(entry.name)

    def _wait(self, name: str, state: SettleState, now: float, *lacks: Fault) -> CompleteBundle | None:
        """Check again later, or reject after the timeout."""
        if self._policy.has_timed_out(state, now):
            timeout_s = self._policy.timeout_s
            return CompleteBundle(name, (*lacks, Fault("bundle", f"stayed incomplete for {timeout_s:g} s")))
        self._policy.schedule(state, now, len(self._states))
        return None

    # ---- claiming ----------------------------------------------------------------------------------

    def _claim_one(self, bundle: CompleteBundle) -> ClaimedBundle:
        if endings.is_request(bundle.name):
            return self._claim_request(bundle)
        source = self._inbox / bundle.name
        folder = _make_free_folder(self._disk, self._work, job_name(endings.without_ending(bundle.name)))
        try:
            if (ending := endings.unexpected_ending(source)) is not None:
                self._disk.write(folder / ENDING, ending.encode())
            self._disk.rename(source, folder / BUNDLE)
        except OSError:
            with suppress(FileNotFoundError):
                self._disk.remove_file(folder / ENDING)
            self._disk.remove_folder(folder)
            raise
        return ClaimedBundle(folder.name, folder, bundle.faults)

    def _claim_request(self, request: CompleteBundle) -> ClaimedBundle:
        """Into its job's folder; one that cannot be read into a folder of its own."""
        if request.revises:
            folder = self._work / request.revises
            try:
                self._disk.make_folder(folder)
            except FileExistsError as error:  # for an earlier request of this batch
                raise _JobInWork from error
        else:
            folder = _make_free_folder(self._disk, self._work, job_name(request.name))
        try:
            self._disk.rename(self._inbox / request.name, folder / request.name)
        except OSError:
            self._disk.remove_folder(folder)
            raise
        return ClaimedBundle(folder.name, folder, request.faults)

    def _failed(self, name: str, error: OSError, now: float) -> FailedClaim:
        state = self._states.setdefault(name, SettleState(now, now))
        state.failures += 1
        state.due = now + min(MAX_BACKOFF_S, 2.0 ** min(state.failures, 10))
        thing, what = f"inbox/{printable(name)}", "cannot be claimed"
        if isinstance(error, PermissionError) and not os.access(self._inbox / name, os.W_OK):
            return FailedClaim(name, SpoolError(thing, f"{what}: only its owner may write in it", NOT_OURS))
        return FailedClaim(name, disk_error(thing, what, error))

    def _sync(self) -> SpoolError | None:
        try:
            self._disk.sync_folders([self._work, self._inbox])
        except OSError as error:
            return disk_error(str(self._inbox.parent), "cannot be forced to the disk", error)
        return None


def _when_written(entry: os.DirEntry[str]) -> tuple[int, str]:
    try:
        return entry.stat(follow_symlinks=False).st_mtime_ns, entry.name
    except FileNotFoundError:
        return 0, entry.name


def _make_free_folder(disk: Disk, work: Path, name: str) -> Path:
    number = 1
    while True:
        folder = work / numbered(name, number)
        try:
            disk.make_folder(folder)
        except FileExistsError:
            number += 1
        else:
            return folder
