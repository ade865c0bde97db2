"""Two system calls that Python does not offer: openat2 and renameat2, each with a fallback.

openat2 exists since Linux 5.6; its structure is `struct open_how` of <linux/openat2.h>.
renameat2's RENAME_NOREPLACE is refused with EINVAL by NFS and sshfs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from functools import cache
from pathlib import Path

SYS_OPENAT2 = 437  # the same number on every architecture
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
AT_FDCWD = -100
RENAME_NOREPLACE = 1
UNKNOWN_CALL = {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG}  # EPERM: a seccomp filter of old


class OpenHow(ctypes.Structure):
    """`struct open_how`."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(folder_fd: int, relative: str, flags: int) -> int:
    """Open `relative` below `folder_fd`; no step of the way may be a symlink or lead out.

    Raises OSError: ELOOP for a symlink, EXDEV for a way out.
    """
    return (
        open_by_kernel(folder_fd, relative, flags)
        if has_openat2()
        else open_by_steps(folder_fd, relative, flags)
    )


def open_by_kernel(folder_fd: int, relative: str, flags: int) -> int:
    """One call: the kernel resolves the whole path, so nothing can be swapped on the way."""
    how = OpenHow(flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    name = os.fsencode(relative)
    for _ in range(8):  # EAGAIN: a rename elsewhere made the kernel unsure of a `..`
        fd = int(libc().syscall(SYS_OPENAT2, folder_fd, name, ctypes.byref(how), ctypes.sizeof(how)))
        if fd >= 0:
            return fd
        if ctypes.get_errno() != errno.EAGAIN:
            break
    raise os_error(relative)


def open_by_steps(folder_fd: int, relative: str, flags: int) -> int:
    """The same without openat2: each folder is opened from the one before it, never through a symlink."""
    *folders, name = relative.split("/")
    if ".." in folders or name == ".." or relative.startswith("/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), relative)
    here = os.dup(folder_fd)
    try:
        for folder in folders:
            below = _enter(here, folder or ".")
            os.close(here)
            here = below
        return os.open(name or ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    finally:
        os.close(here)


def _enter(here: int, folder: str) -> int:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    except NotADirectoryError:  # what O_DIRECTORY makes of a symlink, where openat2 says ELOOP
        if stat.S_ISLNK(os.stat(folder, dir_fd=here, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), folder) from None
        raise


@cache
def has_openat2() -> bool:
    """Whether this kernel (and its seccomp filter) lets us call openat2."""
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(open_by_kernel(folder, ".", os.O_RDONLY | os.O_DIRECTORY))
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def rename_noreplace(source: Path, target: Path) -> None:
    """Rename, or raise FileExistsError: never over anything (rename(2) would replace an empty folder)."""
    if _renameat2(source, target):
        return
    if ctypes.get_errno() not in UNKNOWN_CALL:
        raise os_error(str(source), str(target))
    rename_if_free(source, target)


def rename_if_free(source: Path, target: Path) -> None:
    """Look, then rename: for file systems without RENAME_NOREPLACE.

    Safe here because the lock makes the daemon the spool's only writer of finished names; a user who makes
    an EMPTY folder of that name in the moment between loses just that empty folder.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def _renameat2(source: Path, target: Path) -> bool:
    call = getattr(libc(), "renameat2", None)  # glibc >= 2.28, musl >= 1.2.3
    if call is None:
        ctypes.set_errno(errno.ENOSYS)
        return False
    return int(call(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), RENAME_NOREPLACE)) == 0


@cache
def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def os_error(path: str, path2: str | None = None) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code), path, None, path2)
