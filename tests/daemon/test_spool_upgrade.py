"""A spool that an earlier version of the daemon left is processed: nothing is lost or spoken twice."""

from __future__ import annotations

import tarfile
from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.daemon_process import DaemonProcess, read_ledger
from tests.fixtures.make_spool import LINES, OPTIONS

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(params=["spool-0.1.0.tar.gz"])
def daemon(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DaemonProcess:
    """A daemon of this version, not started yet, on the spool of one that was killed."""
    with tarfile.open(FIXTURES / request.param) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # since Python 3.11.4
        archive.extractall(tmp_path)
    (tmp_path / "gate").touch()
    monkeypatch.chdir(tmp_path)  # the engine's options name files in this folder
    return DaemonProcess(tmp_path, {"engine": {"options": OPTIONS}})


def ledger(daemon: DaemonProcess) -> Counter[str]:
    return read_ledger(daemon.folder / OPTIONS["ledger"])


def test_an_unfinished_job_is_finished_and_no_line_is_spoken_twice(daemon: DaemonProcess) -> None:
    num_spoken = len(daemon.journal("halfway", "spoken"))
    spoken_before = ledger(daemon)

    daemon.run_once()

    result = daemon.result("halfway")
    texts = [text for lines in LINES.values() for text in lines]
    assert ("done", len(texts)) == (result["status"], result["totals"]["done"])
    assert 0 < num_spoken < len(texts)
    spoken_now = ledger(daemon) - spoken_before
    assert len(texts) - num_spoken == sum(spoken_now[text] for text in texts)
    assert [1] * len(texts) == [ledger(daemon)[text] for text in texts]


def test_a_cancelled_job_stays_cancelled(daemon: DaemonProcess) -> None:
    num_spoken = len(daemon.journal("unwanted", "spoken"))

    daemon.run_once()

    result = daemon.result("unwanted")
    assert ("cancelled", num_spoken) == (result["status"], result["totals"]["done"])


def test_the_clips_of_a_published_result_are_reused_for_the_same_bundle(daemon: DaemonProcess) -> None:
    before = daemon.result("published")
    daemon.drop(daemon.spool / "archive" / "published")

    daemon.run_once()

    again = daemon.result("published-2")
    assert before["totals"]["audio_s"] == again["totals"]["audio_s"]
    assert 1 == ledger(daemon)["Published: one."]
