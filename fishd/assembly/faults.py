"""Why an assembly ends without a result. What the disk refuses is an OSError."""

from __future__ import annotations

from fishd.wire.assembly import FaultKind


class AssemblyError(Exception):
    """`where` is the place, such as a clip's path; `what` says what is wrong with it."""

    def __init__(self, kind: FaultKind, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.kind: FaultKind = kind
        self.where = where
        self.what = what
