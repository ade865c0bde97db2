"""After a power cut, published results are complete on the disk and the other jobs are resumed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.daemon.bundles import make_ready_bundle
from tests.daemon.daemon_process import DaemonProcess
from tests.faults.faulty_disks import cut_power, ext4_image, mounted

JOBS = [f"job{n}" for n in range(12)]
LINES = {"Ada": ["First.", "Second."]}


@pytest.mark.parametrize("num_published", [1, 5])
def test_results_published_before_a_power_cut_are_complete(tmp_path: Path, num_published: int) -> None:
    """All later writes are lost."""
    image = ext4_image(tmp_path / "image")
    daemon = DaemonProcess(tmp_path, {"engine": {"options": {"step_s": 0.01}}})
    with mounted(daemon.spool, "-o", "loop", str(image)):
        for name in JOBS:
            make_ready_bundle(daemon.spool / "inbox" / name, LINES)
        os.sync()  # only the daemon's own writes can be lost
        daemon.start()
        daemon.wait_until(lambda: len(published(daemon)) >= num_published, "some results")
        before = published(daemon)
        cut_power(daemon.spool)
        daemon.kill()
    with mounted(daemon.spool, "-o", "loop", str(image)):
        for name in before:
            check_complete(daemon.spool / "outbox" / name)
        assert 0 == daemon.run_once(), daemon.log()
        for name in JOBS:
            check_complete(daemon.spool / "outbox" / name)
        assert len(JOBS) == len(list((daemon.spool / "outbox").iterdir()))


def published(daemon: DaemonProcess) -> list[str]:
    """The jobs that are published according to the log."""
    text = f" is in {daemon.spool / 'outbox'}/"
    return [line.split(text)[1].strip() for line in daemon.log().splitlines() if text in line]


def check_complete(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_bytes())
    assert "done" == result["status"]
    for segment in result["speakers"][0]["segments"]:
        content = (folder / segment["clip"]).read_bytes()
        assert content.startswith(b"RIFF")
        assert len(content) == 8 + int.from_bytes(content[4:8], "little")
        assert any(content[44:])
    assert (folder / "summary.html").read_text().rstrip().endswith("</html>")
