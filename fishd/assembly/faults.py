"""Why an assembly ends without a result. What the disk refuses is an OSError."""

from __future__ import annotations

from collections.abc import Mapping

from fishd.wire.assembly import FaultKind


class AssemblyError(Exception):
    """`where` is the place; `what` says what is wrong with it. `clips` are those that cannot be used."""

    def __init__(
        self, kind: FaultKind, where: str, what: str, clips: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{where}: {what}")
        self.kind: FaultKind = kind
        self.where = where
        self.what = what
        self.clips = dict(clips or {})


def unusable(clips: Mapping[str, str]) -> AssemblyError:
    """What is wrong with raw clips, by their paths."""
    where, what = next(iter(clips.items()))
    return AssemblyError("clip", where, what, clips)
