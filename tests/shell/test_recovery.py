"""Recovery reads the jobs that a crash left in work/."""

from __future__ import annotations

from dataclasses import replace

from fishd.core.model.job import Clip
from fishd.core.quality.hearing import Hearing
from fishd.spool.journal.journal import (
    JOURNAL,
    CancelledLine,
    ClaimedLine,
    FailedLine,
    HeardLine,
    Journal,
    SpokenLine,
)
from fishd.spool.journal.recovery import recover
from fishd.spool.root import Spool
from tests.core.dispatcher_driver import make_quality
from tests.shell.bundles import names_in
from tests.shell.claimed_job import SPOKEN, make_claimed_job


def test_recovery_reads_the_finished_and_the_failed_segments(spool: Spool) -> None:
    """A clip that is missing or has another size than its journal line is not finished."""
    folder = make_claimed_job(spool)
    gone = SpokenLine(0, "002", "h", "v", 5, Clip("clips/Alice/002.wav", 1.0, 1, 7, 0, "cpu", 0.1))
    torn = SpokenLine(0, "003", "h", "v", 5, Clip("clips/Alice/003.wav", 1.0, 1, 7, 0, "cpu", 0.1))
    failed = FailedLine(0, "004", "h", 3, "silence")
    (folder / "out" / torn.clip.path).write_bytes(b"123")
    with Journal(folder) as journal:
        journal.append_many([ClaimedLine("then"), SPOKEN, gone, torn, failed])
    (recovered,) = recover(spool.work)
    assert ("NAME", "then", False, False) == (
        recovered.name,
        recovered.started,
        recovered.complete,
        recovered.cancelled,
    )
    assert {(0, "001"): (SPOKEN,)} == recovered.spoken
    assert {(0, "004"): failed} == recovered.failed
    assert folder / "bundle" == recovered.bundle


def test_a_listeners_verdict_is_part_of_the_take_that_it_heard(spool: Spool) -> None:
    """A verdict on a clip that is not there is ignored."""
    folder = make_claimed_job(spool)
    quality = make_quality().with_hearing(Hearing("Hello.", 0.0, 0.8), ())
    heard = HeardLine(0, "001", SPOKEN.clip.path, quality)
    with Journal(folder) as journal:
        journal.append_many([SPOKEN, heard, HeardLine(0, "001", "clips/Alice/gone.wav", quality)])

    (recovered,) = recover(spool.work)

    (take,) = recovered.spoken[0, "001"]
    assert replace(SPOKEN.clip, quality=quality) == take.clip


def test_recovery_removes_unfinished_claims_and_removals(spool: Spool) -> None:
    """Other files in work/ are left alone."""
    (spool.work / "NAME").mkdir()
    (spool.work / ".removing-1" / "0").mkdir(parents=True)
    (spool.work / "file").touch()
    assert [] == recover(spool.work)
    assert ["file"] == names_in(spool.work)


def test_a_job_without_its_bundle_is_recovered(spool: Spool) -> None:
    """Its reader then reports the missing bundle."""
    folder = make_claimed_job(spool)
    (folder / "bundle").rename(spool.root / "elsewhere")
    (recovered,) = recover(spool.work)
    assert not recovered.complete


def test_a_cancelled_job_stays_cancelled(spool: Spool) -> None:
    with Journal(make_claimed_job(spool)) as journal:
        journal.append(CancelledLine("t"))
    assert recover(spool.work)[0].cancelled


def test_a_recovered_job_has_the_faults_of_its_journal(spool: Spool) -> None:
    folder = make_claimed_job(spool)
    (folder / JOURNAL).write_bytes(b"?\n")
    (recovered,) = recover(spool.work)
    (fault,) = recovered.faults
    assert "journal.jsonl:1" == fault.where
    assert fault.what.endswith("; its work is repeated")
