"""After a power cut what was published is complete on the disk, and the other jobs are resumed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess
from tests.faults.faulty_disks import cut_power, ext4_image, mounted

JOBS = [f"job{n}" for n in range(12)]
LINES = {"Ada": ["First.", "Second."]}


@pytest.mark.parametrize("num_published", [1, 5])
def test_what_was_published_before_a_power_cut_is_complete(tmp_path: Path, num_published: int) -> None:
    """Every later write is lost; what the log calls published has all its bytes."""
    image = ext4_image(tmp_path / "image")
    daemon = DaemonProcess(tmp_path, {"engine": {"options": {"step_s": 0.01}}})
    with mounted(daemon.spool, "-o", "loop", str(image)):
        for name in JOBS:
            (make_bundle(daemon.spool / "inbox" / name, LINES) / ".ready").touch()
        os.sync()  # the bundles were dropped long ago
        daemon.start()
        daemon.wait_until(lambda: len(published(daemon)) >= num_published, "some results")
        acknowledged = published(daemon)
        cut_power(daemon.spool)
        daemon.kill()
    with mounted(daemon.spool, "-o", "loop", str(image)):
        for name in acknowledged:
            check_whole(daemon.spool / "outbox" / name)
        assert 0 == daemon.once(), daemon.log()
        for name in JOBS:
            check_whole(daemon.spool / "outbox" / name)
        assert len(JOBS) == len(list((daemon.spool / "outbox").iterdir()))


def published(daemon: DaemonProcess) -> list[str]:
    """The jobs that the log calls published."""
    words = f" is in {daemon.spool / 'outbox'}/"
    return [line.split(words)[1].strip() for line in daemon.log().splitlines() if words in line]


def check_whole(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_bytes())
    assert "done" == result["status"]
    for segment in result["speakers"][0]["segments"]:
        content = (folder / segment["clip"]).read_bytes()
        assert content.startswith(b"RIFF")
        assert len(content) == 8 + int.from_bytes(content[4:8], "little")
        assert any(content[44:])
    assert (folder / "summary.html").read_text().rstrip().endswith("</html>")
