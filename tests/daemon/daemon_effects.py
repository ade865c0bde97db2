"""The effects of a configuration, observed at a daemon in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.daemon.bundles import make_bundle, make_ready_bundle, make_voice
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


def takes_of_a_tone(settings: Settings, folder: Path) -> int:
    """How often a line is spoken by an engine that says a steady tone."""
    daemon = DaemonProcess(folder, settings)
    make_ready_bundle(daemon.spool / "inbox" / "job")
    daemon.run_once()
    (segment,) = daemon.result("job")["speakers"][0]["segments"]
    return segment["takes"]


def num_kept_takes(settings: Settings, folder: Path) -> int:
    """How many takes of a line are kept that was spoken three times."""
    daemon = DaemonProcess(folder, {"quality": {"check": "signal", **settings["quality"]}})
    make_ready_bundle(daemon.spool / "inbox" / "job")
    daemon.run_once()
    return len(list(daemon.spool.glob(".takes/**/*.wav")))


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


def speakers_of_a_lone_script(text: str) -> Callable[[Settings, Path], list[str]]:
    """Who speaks a subtitle of this text; voices/ has Ada and Bob, other/ nobody."""

    def observe(settings: Settings, folder: Path) -> list[str]:
        daemon = DaemonProcess(folder, settings)
        for voice in ("voices/Ada", "voices/Bob"):
            make_voice(folder / voice)
        (folder / "other").mkdir()
        (daemon.spool / "inbox").mkdir(parents=True)
        cue = f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n"
        (daemon.spool / "inbox" / "lone.srt").write_text(cue, encoding="utf-8")
        daemon.run_once()
        return [speaker["name"] for speaker in daemon.result("lone")["speakers"]]

    return observe


def outbox_after_a_job(settings: Settings, folder: Path) -> list[str]:
    """The names in the outbox after a job called `job`."""
    daemon = DaemonProcess(folder, settings)
    make_ready_bundle(daemon.spool / "inbox" / "job")
    assert 0 == daemon.run_once()
    return sorted(path.name for path in (daemon.spool / "outbox").iterdir())


def metrics_are_written(settings: Settings, folder: Path) -> bool:
    DaemonProcess(folder, settings).run_once()
    return (folder / "fishd.prom").exists()
