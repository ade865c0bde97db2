"""Changes in work/ by others: the job ends by itself, and no other job is delayed."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from fishd.core.config.config import Config, SpoolConfig
from fishd.core.dispatch.events import JobArrived
from fishd.core.model.limits import Limits
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.intake.arrivals import Arrivals
from fishd.daemon.intake.job_loader import JobLoader
from fishd.daemon.mailbox import MailboxMessage
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.root import open_spool
from fishd.wire.control import CONTROL, ask_to_cancel
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import running_daemon

LINES = {"Ada": [f"Line {n}." for n in range(6)]}


def test_a_job_whose_folder_is_deleted_ends_and_delays_no_other(tmp_path: Path) -> None:
    """What is spoken after that is published; another job is done."""
    gate = tmp_path / "gate"
    with running_daemon(tmp_path / "daemon", gate=str(gate)) as daemon:
        daemon.drop(make_bundle(tmp_path / "doomed", LINES))
        daemon.wait_for_log("Launching Worker 1")
        shutil.rmtree(daemon.spool / "work" / "doomed")
        daemon.drop(make_bundle(tmp_path / "well", LINES))
        gate.touch()
        assert "done" == daemon.wait_for_result("well")["status"]
        assert "done" == daemon.wait_for_result("doomed")["status"]
        assert 6 == len(list((daemon.spool / "outbox" / "doomed" / "clips" / "Ada").iterdir()))
        assert 0 == daemon.stop()


def test_a_clip_that_was_removed_is_a_failed_segment(tmp_path: Path) -> None:
    """The others are published; the result names the missing one."""
    gate = tmp_path / "gate"
    lines = {"Ada": [*LINES["Ada"], "The last one waits."]}
    faults = {"waits": "steps"}
    with running_daemon(tmp_path / "daemon", gate=str(gate), faults=faults) as daemon:
        daemon.drop(make_bundle(tmp_path / "robbed", lines))
        gate.touch()
        clips = daemon.spool / "work" / "robbed" / "out" / "clips" / "Ada"
        daemon.wait_until(lambda: len(list(clips.glob("[0-9]*.wav"))) == 6, "six clips")
        (clips / "002.wav").unlink()
        assert ask_to_cancel(daemon.spool / CONTROL, "robbed")
        result = daemon.wait_for_result("robbed")
        rows = {segment["id"]: segment for segment in result["speakers"][0]["segments"]}
        assert "its clip was removed before the job was published" == rows["002"]["error"]
        assert (5, 2) == (result["totals"]["done"], result["totals"]["failed"])


BROKEN: Any = Limits(max_files="a fault of ours")


def test_a_bug_in_reading_a_bundle_rejects_that_bundle(tmp_path: Path) -> None:
    """With a message; the daemon goes on."""

    async def arrive() -> JobArrived:
        with open_spool(tmp_path) as spool:
            config = Config(spool=SpoolConfig(root=tmp_path), limits=BROKEN)
            (make_bundle(spool.inbox / "odd") / ".ready").touch()
            mail: asyncio.Queue[MailboxMessage] = asyncio.Queue()
            arrivals = Arrivals(
                JobLoader(config, spool, ReferenceStore(tmp_path / "voices"), b""),
                None,
                DiskErrorTracker(lambda *_: None),
                mail.put_nowait,
            )
            running = asyncio.create_task(arrivals.run())
            async with asyncio.timeout(10):
                while not isinstance(arrived := await mail.get(), JobArrived):
                    pass
            arrivals.stop()
            await running
            return arrived

    arrived = asyncio.run(arrive())
    assert arrived.job is None
    assert "cannot be read: a bug in fishd (TypeError); please report it" == arrived.faults[0].what


@pytest.mark.parametrize("left", ["journal.jsonl is a folder", "a file", "nothing in it"])
def test_odd_files_in_work_delay_nothing(tmp_path: Path, left: str) -> None:
    """What cannot be read is reported; other jobs are processed."""
    odd = tmp_path / "spool" / "work" / "odd"
    match left:
        case "journal.jsonl is a folder":
            (odd / "journal.jsonl").mkdir(parents=True)
            (odd / "bundle").mkdir()
        case "a file":
            odd.parent.mkdir(parents=True)
            odd.touch()
        case _:
            odd.mkdir(parents=True)
    with running_daemon(tmp_path) as daemon:
        daemon.drop(make_bundle(tmp_path / "well"))
        assert "done" == daemon.wait_for_result("well")["status"]
