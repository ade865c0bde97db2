"""Revisions whose tracks cannot be built, that are cancelled late, or meet a power cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fishd.core.revision.request import LineRevision, Revision
from fishd.spool.revision.request_file import request_revision, why_refused
from fishd.wire.control import CONTROL, ask_to_cancel
from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess
from tests.faults.faulty_disks import cut_power, ext4_image, mounted
from tests.faults.spool_contents import outcome_of
from tests.faults.test_assembly_faults import LOST, drop, started, suspended_assembly
from tests.faults.test_power_cut import check_complete

JOBS = [f"job{n}" for n in range(6)]


@pytest.mark.parametrize("fault", ["killed twice", "cancelled"])
def test_a_revision_whose_tracks_are_not_built_changes_nothing(tmp_path: Path, fault: str) -> None:
    """A first result is published without tracks then; the former result of a revision has them."""
    with started(tmp_path) as daemon:
        drop(daemon)
        daemon.wait_for_result("NAME")
        before = outcome_of(daemon.spool)
        request = request_revision(daemon.spool, Revision("NAME", (LineRevision("Ada", "001"),)))
        first = suspended_assembly(daemon)
        if fault == "cancelled":
            assert ask_to_cancel(daemon.spool / CONTROL, "NAME")
        else:
            first.kill()
            suspended_assembly(daemon, after=first.pid).kill()
        refused = daemon.spool / "archive" / request
        daemon.wait_until(refused.exists, "the refused request")
        daemon.wait_until(lambda: not list((daemon.spool / "work").iterdir()), "an empty work/")
        expected = "it was cancelled" if fault == "cancelled" else LOST
        (why,) = why_refused(daemon.spool, request)
        assert expected in why
        assert before == outcome_of(daemon.spool)
        assert (daemon.spool / "archive" / "NAME" / "job.toml").exists()


@pytest.mark.parametrize("num_revised", [1, 4])
def test_results_are_whole_after_a_power_cut(tmp_path: Path, num_revised: int) -> None:
    """The former or the new one; what was not revised yet is revised after the next start."""
    image = ext4_image(tmp_path / "image")
    daemon = DaemonProcess(tmp_path, {"engine": {"options": {"step_s": 0.01, "by_seed": True}}})
    with mounted(daemon.spool, "-o", "loop", str(image)):
        for name in JOBS:
            make_ready_bundle(daemon.spool / "inbox" / name, {"Ada": ["First.", "Second."]})
        assert 0 == daemon.run_once(), daemon.log()
        for name in JOBS:
            request_revision(daemon.spool, Revision(name, (LineRevision("Ada", "001"),)))
        os.sync()  # only the daemon's own writes can be lost
        text = f" is in {daemon.spool / 'outbox'}/"
        daemon.start()
        daemon.wait_for_log(text, times=len(JOBS) + num_revised)
        said = [line.split(text)[1].strip() for line in daemon.log().splitlines() if text in line]
        cut_power(daemon.spool)
        daemon.kill()
    with mounted(daemon.spool, "-o", "loop", str(image)):
        for name in JOBS:
            check_complete(daemon.spool / "outbox" / name)
        for name in said[len(JOBS) :]:
            assert 1 == daemon.result(name)["revision"]
        assert 0 == daemon.run_once(), daemon.log()
        for name in JOBS:
            check_complete(daemon.spool / "outbox" / name)
            check_complete(daemon.spool / "archive" / f"{name}.rev1")
            assert 1 == daemon.result(name)["revision"]
        assert len(JOBS) == len(list((daemon.spool / "outbox").iterdir()))
