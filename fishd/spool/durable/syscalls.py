"""System calls that Python does not offer: openat2 and renameat2, each with a fallback, and libc itself.

openat2 exists since Linux 5.6; its structure is `struct open_how` of <linux/openat2.h>.
renameat2's flags are refused with EINVAL by NFS and sshfs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from functools import cache
from pathlib import Path

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
SYS_OPENAT2 = 437  # the same number on every architecture
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
UNKNOWN_CALL = {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG}  # EPERM: an old seccomp filter


class OpenHow(ctypes.Structure):
    """`struct open_how`."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(folder_fd: int, relative: str, flags: int) -> int:
    """Open `relative` below `folder_fd`; no component may be a symlink or lead out of the folder.

    Raises OSError: ELOOP for a symlink, EXDEV for a path that leads out.
    """
    return (
        open_by_kernel(folder_fd, relative, flags)
        if has_openat2()
        else open_by_steps(folder_fd, relative, flags)
    )


def open_by_kernel(folder_fd: int, relative: str, flags: int) -> int:
    """One call resolves the whole path, so that nothing can be swapped in between."""
    how = OpenHow(flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    name = os.fsencode(relative)
    for _ in range(8):  # EAGAIN: a concurrent rename
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
    current = os.dup(folder_fd)
    try:
        for folder in folders:
            child = _open_folder(current, folder or ".")
            os.close(current)
            current = child
        return os.open(name or ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
    finally:
        os.close(current)


def _open_folder(parent: int, folder: str) -> int:
    try:
        return os.open(folder, FOLDER_FLAGS, dir_fd=parent)
    except NotADirectoryError:  # with O_DIRECTORY a symlink gives ENOTDIR, where openat2 gives ELOOP
        if stat.S_ISLNK(os.stat(folder, dir_fd=parent, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), folder) from None
        raise


@cache
def has_openat2() -> bool:
    """Whether this kernel and its seccomp filter allow openat2."""
    folder = os.open("/", FOLDER_FLAGS)
    try:
        os.close(open_by_kernel(folder, ".", os.O_RDONLY | os.O_DIRECTORY))
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def rename_noreplace(source: Path, target: Path) -> None:
    """Rename, or raise FileExistsError: rename(2) would replace a file or an empty folder."""
    if _renameat2(source, target, RENAME_NOREPLACE):
        return
    if ctypes.get_errno() not in UNKNOWN_CALL:
        raise os_error(str(source), str(target))
    rename_if_free(source, target)


def rename_if_free(source: Path, target: Path) -> None:
    """Check, then rename: for file systems without RENAME_NOREPLACE.

    Safe here, because the lock makes the daemon the only writer of finished names; a user who creates an
    EMPTY folder of that name between the two calls loses that empty folder only.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def rename_exchange(one: Path, other: Path) -> None:
    """Exchange two paths in one step. Raises OSError; a code of UNKNOWN_CALL where that is impossible."""
    if not _renameat2(one, other, RENAME_EXCHANGE):
        raise os_error(str(one), str(other))


def _renameat2(source: Path, target: Path, flags: int) -> bool:
    call = getattr(libc(), "renameat2", None)  # glibc >= 2.28, musl >= 1.2.3
    if call is None:
        ctypes.set_errno(errno.ENOSYS)
        return False
    return int(call(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags)) == 0


@cache
def libc() -> ctypes.CDLL:
    """The C library; errors are in `ctypes.get_errno()`."""
    return ctypes.CDLL(None, use_errno=True)


def os_error(path: str, path2: str | None = None) -> OSError:
    """The error of the last call of `libc()`."""
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code), path, None, path2)
