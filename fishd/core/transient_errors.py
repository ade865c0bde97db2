"""Which refusals of the system pass by themselves, or when an operator mends them: those are waited for."""

from __future__ import annotations

import errno

_PASSING = frozenset(
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
    """Whether it is the whole disk's or machine's fault, not one file's."""
    return error.errno in _PASSING
