"""Jobs that take the same steps together, so that one sync serves them all.

A job that fails leaves the group with its error; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from fishd.core.transient_errors import is_transient
from fishd.spool.errors import SpoolError, fix_for

J = TypeVar("J")
P = TypeVar("P")


class GroupCommit(Generic[J]):
    """The jobs that are still in the group, and the errors of those that left it, both by work/NAME."""

    def __init__(self, jobs: Mapping[Path, J]) -> None:
        self.jobs = dict(jobs)
        self.errors: dict[Path, SpoolError] = {}

    def run(self, prepare: Callable[[J], P | None], commit: Callable[[list[P]], None]) -> None:
        """Prepare each job, then commit what was prepared, all at once; None has nothing to commit."""
        prepared: dict[Path, P] = {}
        for folder, job in list(self.jobs.items()):
            try:
                part = prepare(job)
            except (OSError, SpoolError) as error:
                self._drop(folder, error)
            else:
                prepared |= {} if part is None else {folder: part}
        self._commit(prepared, commit)

    def _commit(self, prepared: Mapping[Path, P], commit: Callable[[list[P]], None]) -> None:
        """One of them may be at fault alone (its folder is gone): then each is committed by itself."""
        if not prepared:
            return
        try:
            commit(list(prepared.values()))
        except OSError as error:
            if len(prepared) > 1 and not is_transient(error):
                for folder, part in prepared.items():
                    self._commit({folder: part}, commit)
            else:
                for folder in prepared:
                    self._drop(folder, error)

    def _drop(self, folder: Path, error: OSError | SpoolError) -> None:
        del self.jobs[folder]
        self.errors[folder] = error if isinstance(error, SpoolError) else _publish_error(folder, error)


def _publish_error(folder: Path, error: OSError) -> SpoolError:
    what = f"cannot be published: {error.strerror}" + (f" ({error.filename})" if error.filename else "")
    translated = SpoolError(f"job {folder.name}", what, fix_for(error))
    translated.__cause__ = error
    return translated
