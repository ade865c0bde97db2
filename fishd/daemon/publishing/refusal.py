"""Refuses a revision: the job's result stays as it is, and the request says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fishd.core.model.job import Fault
from fishd.spool.revision.work import refuse
from fishd.spool.root import Spool
from fishd.spool.work_folder import request_in


@dataclass(frozen=True, slots=True)
class RevisionRefused:
    """Nothing of the job has changed; archive/REQUEST says why."""

    job: str
    request: str
    faults: tuple[Fault, ...]


def refuse_revision(spool: Spool, folder: Path, faults: Sequence[Fault]) -> RevisionRefused:
    """Blocking. Undo the revision in work/NAME. Raises OSError."""
    request = request_in(folder)
    refuse(folder, spool.archive, faults, spool.disk)
    return RevisionRefused(folder.name, request.name if request else "", tuple(faults))
