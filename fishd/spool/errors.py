"""Errors of the spool itself: the machine's fault or the operator's, never a bundle's."""

from __future__ import annotations

import errno


class SpoolError(Exception):
    """Names the thing, the fault and the fix; `str()` is the whole sentence."""

    def __init__(self, thing: str, fault: str, fix: str = "") -> None:
        super().__init__(f"{thing}: {fault}" + (f"; {fix}" if fix else ""))
        self.thing = thing
        self.fault = fault
        self.fix = fix


class SpoolBusy(SpoolError):  # noqa: N818 - reads as what it is
    """Another daemon owns this spool; `pid` is its process, 0 if unknown."""

    def __init__(self, thing: str, pid: int) -> None:
        owner = f"another fishd (pid {pid})" if pid else "another fishd"
        super().__init__(thing, f"{owner} owns this spool", "stop it first, or give this one another root")
        self.pid = pid


FIXES = {
    errno.ENOSPC: "free some space, or inodes",
    errno.EDQUOT: "raise the quota of the user that fishd runs as",
    errno.EROFS: "the file system is read-only: remount it",
    errno.EACCES: "give the user that fishd runs as the right to write there",
    errno.EPERM: "give the user that fishd runs as the right to write there",
    errno.EXDEV: "keep the whole spool on one file system, under one mount",
    errno.EIO: "the disk is failing: read the kernel log",
    errno.ENOENT: "create the folder again, or restart fishd",
    errno.EMFILE: "raise the limit of open files (ulimit -n, LimitNOFILE=)",
}


def fix_for(error: OSError) -> str:
    """The next step after a system error; "" where none is known."""
    return FIXES.get(error.errno or 0, "")


def disk_error(thing: str, fault: str, error: OSError) -> SpoolError:
    """A system error as a SpoolError, with the original as its `__cause__`."""
    translated = SpoolError(thing, f"{fault}: {error.strerror}", fix_for(error))
    translated.__cause__ = error
    return translated
