"""The OS errors that are worth a retry: they pass by themselves, or once an operator has fixed the cause."""

from __future__ import annotations

import errno

_TRANSIENT = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
        errno.ENOMEM,
        errno.EMFILE,
        errno.ENFILE,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)


def is_transient(error: OSError) -> bool:
    """Whether the disk or the machine is at fault, not the one file."""
    return error.errno in _TRANSIENT
