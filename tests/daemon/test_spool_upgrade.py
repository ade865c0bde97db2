"""A spool that a daemon of an earlier version left behind is taken over: nothing is lost or spoken twice."""

from __future__ import annotations

import tarfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.daemon.daemon_process import DaemonProcess
from tests.fixtures.make_spool import LINES, OPTIONS

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(params=["spool-0.1.0.tar.gz"])
def left_behind(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DaemonProcess:
    """A daemon of today that has not started yet, on the spool of one that was killed half way."""
    with tarfile.open(FIXTURES / request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "gate").touch()
    monkeypatch.chdir(tmp_path)
    return DaemonProcess(tmp_path, {"engine": {"options": OPTIONS}})


def journalled(daemon: DaemonProcess, job: str) -> int:
    """The clips that the journal of a job in work/ knows of."""
    lines = (daemon.spool / "work" / job / "journal.jsonl").read_bytes().splitlines()
    return sum(msgspec.json.decode(line)["is"] == "spoken" for line in lines)


def test_a_half_spoken_job_is_finished_and_no_line_is_spoken_twice(left_behind: DaemonProcess) -> None:
    known = journalled(left_behind, "halfway")
    spoken_before = (left_behind.folder / "spoken.txt").read_text().splitlines()

    left_behind.once()

    result = left_behind.result("halfway")
    texts = [text for lines in LINES.values() for text in lines]
    spoken = (left_behind.folder / "spoken.txt").read_text().splitlines()
    assert ("done", len(texts)) == (result["status"], result["totals"]["done"])
    assert 0 < known < len(texts)
    assert len(texts) - known == sum(text in texts for text in spoken[len(spoken_before) :])
    assert texts == sorted(text for text, times in Counter(spoken).items() if times == 1 and text in texts)


def test_a_cancelled_job_stays_cancelled(left_behind: DaemonProcess) -> None:
    known = journalled(left_behind, "unwanted")

    left_behind.once()

    result = left_behind.result("unwanted")
    assert ("cancelled", known) == (result["status"], result["totals"]["done"])


def test_a_published_result_still_gives_its_clips_to_the_same_bundle(left_behind: DaemonProcess) -> None:
    before = left_behind.result("published")
    left_behind.drop(left_behind.spool / "archive" / "published")

    left_behind.once()

    again = left_behind.result("published-2")
    assert before["totals"]["audio_s"] == again["totals"]["audio_s"]
    spoken = (left_behind.folder / "spoken.txt").read_text().splitlines()
    assert 1 == Counter(spoken)["Published: one."]
