"""Other programs change work/: the job is still published, and no other job is delayed."""

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
from tests.daemon.bundles import make_bundle, make_ready_bundle
from tests.daemon.daemon_process import running_daemon

LIMIT_S = 10.0
LINES = {"Ada": [f"Line {n}." for n in range(6)]}


def test_a_job_whose_folder_is_deleted_is_published_and_delays_no_other(tmp_path: Path) -> None:
    """Its result has the clips that are spoken afterwards."""
    gate = tmp_path / "gate"
    with running_daemon(tmp_path / "daemon", gate=str(gate)) as daemon:
        daemon.drop(make_bundle(tmp_path / "deleted", LINES))
        daemon.wait_for_log("Launching Worker 1")
        shutil.rmtree(daemon.spool / "work" / "deleted")
        daemon.drop(make_bundle(tmp_path / "other", LINES))
        gate.touch()
        assert "done" == daemon.wait_for_result("other")["status"]
        assert "done" == daemon.wait_for_result("deleted")["status"]
        assert 6 == len(list((daemon.spool / "outbox" / "deleted" / "clips" / "Ada").iterdir()))
        assert 0 == daemon.stop()


def test_a_removed_clip_makes_its_segment_failed(tmp_path: Path) -> None:
    """The other clips are published; the result names the missing one."""
    gate = tmp_path / "gate"
    lines = {"Ada": [*LINES["Ada"], "Endless."]}
    faults = {"Endless": "steps"}
    with running_daemon(tmp_path / "daemon", gate=str(gate), faults=faults) as daemon:
        daemon.drop(make_bundle(tmp_path / "incomplete", lines))
        gate.touch()
        clips = daemon.spool / "work" / "incomplete" / "out" / "clips" / "Ada"
        daemon.wait_until(lambda: len(list(clips.glob("[0-9]*.wav"))) == 6, "six clips")
        (clips / "002.wav").unlink()
        assert ask_to_cancel(daemon.spool / CONTROL, "incomplete")
        result = daemon.wait_for_result("incomplete")
        rows = {segment["id"]: segment for segment in result["speakers"][0]["segments"]}
        assert "its clip was removed before the job was published" == rows["002"]["error"]
        assert (5, 2) == (result["totals"]["done"], result["totals"]["failed"])


INVALID: Any = Limits(max_files="not a number")  # makes the reader raise TypeError


def test_a_bug_in_reading_a_bundle_rejects_that_bundle(tmp_path: Path) -> None:
    """The message asks for a report."""

    async def arrive() -> JobArrived:
        with open_spool(tmp_path) as spool:
            config = Config(spool=SpoolConfig(root=tmp_path), limits=INVALID)
            make_ready_bundle(spool.inbox / "odd")
            mailbox: asyncio.Queue[MailboxMessage] = asyncio.Queue()
            arrivals = Arrivals(
                JobLoader(config, spool, ReferenceStore(tmp_path / "voices"), b""),
                None,
                DiskErrorTracker(lambda *_: None),
                mailbox.put_nowait,
            )
            running = asyncio.create_task(arrivals.run())
            async with asyncio.timeout(LIMIT_S):
                while not isinstance(arrived := await mailbox.get(), JobArrived):
                    pass
            arrivals.stop()
            await running
            return arrived

    arrived = asyncio.run(arrive())
    assert arrived.job is None
    assert "cannot be read: a bug in fishd (TypeError); please report it" == arrived.faults[0].what


@pytest.mark.parametrize("content", ["a folder as its journal", "a file", "an empty folder"])
def test_unexpected_files_in_work_delay_no_job(tmp_path: Path, content: str) -> None:
    """The daemon finds them at its start."""
    odd = tmp_path / "spool" / "work" / "odd"
    match content:
        case "a folder as its journal":
            (odd / "journal.jsonl").mkdir(parents=True)
            (odd / "bundle").mkdir()
        case "a file":
            odd.parent.mkdir(parents=True)
            odd.touch()
        case _:
            odd.mkdir(parents=True)
    with running_daemon(tmp_path) as daemon:
        daemon.drop(make_bundle(tmp_path / "other"))
        assert "done" == daemon.wait_for_result("other")["status"]
