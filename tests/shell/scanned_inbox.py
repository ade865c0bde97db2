"""An inbox with a clock that the test advances."""

from __future__ import annotations

from pathlib import Path

from fishd.core.model.limits import Limits
from fishd.spool.durable.disk import Disk
from fishd.spool.inbox.scan import Inbox

SETTLE_S, TIMEOUT_S = 2.0, 300.0


class ScannedInbox:
    """An inbox and the folder work/ beside it."""

    def __init__(self, root: Path, disk: Disk | None = None, limits: Limits | None = None) -> None:
        self.folder, self.work = root / "inbox", root / "work"
        self.folder.mkdir()
        self.work.mkdir()
        self.now = 1_000.0
        self.scanner = Inbox(self.folder, self.work, SETTLE_S, TIMEOUT_S, disk=disk, limits=limits)

    def scan_after(self, seconds: float) -> list[str]:
        """Advance the clock and scan; the names of the complete bundles."""
        self.now += seconds
        return sorted(found.name for found in self.scanner.scan(self.now).found)

    def faults_after(self, seconds: float) -> list[str]:
        """Advance the clock and scan; the faults of the complete bundles."""
        self.now += seconds
        return [str(fault) for found in self.scanner.scan(self.now).found for fault in found.faults]
