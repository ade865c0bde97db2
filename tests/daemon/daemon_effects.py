"""The effects of a configuration, observed at a daemon in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, running_daemon

Settings = Mapping[str, Mapping[str, Any]]  # by section and key


def spools_in(settings: Settings, folder: Path) -> list[str]:
    """The folders in which a daemon has created a spool."""
    DaemonProcess(folder, settings).run_once()
    return sorted(inbox.parent.name for inbox in folder.glob("*/archive"))


def is_claimed_at_once(settings: Settings, folder: Path) -> bool:
    """Whether a bundle without `.ready` is claimed no later than one with it that is dropped afterwards."""
    with running_daemon(folder, settings) as daemon:
        make_bundle(daemon.spool / "inbox" / "settles")
        daemon.drop(make_bundle(folder / "ready"))
        daemon.wait_for_result("ready")
        return not (daemon.spool / "inbox" / "settles").exists()


def reason_to_give_up(settings: Settings, folder: Path) -> str:
    """Why a bundle that stays incomplete is rejected."""
    spool = settings["spool"]
    daemon = DaemonProcess(folder, {"spool": {"settle_s": 0.0, **spool}})
    (daemon.spool / "inbox").mkdir(parents=True)
    bundle = make_bundle(daemon.spool / "inbox" / "job")
    (bundle / "Ada.wav").unlink()
    daemon.run_once()
    return daemon.result("job")["errors"][-1]["what"]


def is_kept_in_the_archive(settings: Settings, folder: Path) -> bool:
    """Whether a bundle that was archived just before is still there after a daemon has run."""
    daemon = DaemonProcess(folder, settings)
    archived = daemon.spool / "archive" / "job"
    archived.mkdir(parents=True)
    daemon.run_once()
    return archived.exists()


def clips_of_two_drops(settings: Settings, folder: Path) -> tuple[str, int]:
    """The clips' suffix, and how many lines are spoken for a bundle of one line that is dropped twice."""
    ledger = folder / "ledger"
    daemon = DaemonProcess(folder, {**settings, "engine": {"options": {"ledger": str(ledger)}}})
    (daemon.spool / "inbox").mkdir(parents=True)
    for n in range(2):
        daemon.drop(make_bundle(folder / str(n) / "show"))
        assert 0 == daemon.run_once()
    (segment,) = daemon.result("show-2")["speakers"][0]["segments"]
    assert (daemon.spool / "outbox" / "show-2" / segment["clip"]).exists()
    return Path(segment["clip"]).suffix, read_ledger(ledger).total()


def metrics_are_written(settings: Settings, folder: Path) -> bool:
    DaemonProcess(folder, settings).run_once()
    return (folder / "fishd.prom").exists()
