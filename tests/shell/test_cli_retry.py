"""`fishd retry` of segments whose error another take cannot change."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result, SegmentResult, SpeakerResult, Totals
from fishd.spool.root import Spool
from fishd.view.report.summary import result_json
from tests.shell.bundles import one_speaker, write_bundle
from tests.shell.cli import fishd

CONDITION = (
    "unless the engine or its options have changed; "
    "else fix the text or the reference, and submit the bundle again"
)


def publish_failed_job(spool: Spool, *can_retry: bool | None) -> None:
    """Publish a job of one speaker whose segments all failed."""
    segments = tuple(
        SegmentResult(f"{n}", "Line.", "failed", takes=1, error="it failed", can_retry=can)
        for n, can in enumerate(can_retry)
    )
    num_segments = len(segments)
    result = Result(
        job="job",
        title="job",
        status=JobStatus.FAILED,
        engine="preview",
        device_names=(),
        started="",
        finished="",
        totals=Totals(1, num_segments, 0, num_segments, 0.0, 1.0, 0.0),
        errors=(),
        speakers=(SpeakerResult("Alice", "en", segments),),
    )
    (spool.outbox / "job").mkdir()
    (spool.outbox / "job" / "result.json").write_bytes(result_json(result))
    lines = ", ".join(f'{{ id = "{n}", text = "Line." }}' for n in range(num_segments))
    write_bundle(spool.archive / "job", one_speaker(segments=f"[{lines}]"))


@pytest.mark.parametrize(
    ("can_retry", "remarks"),
    [
        ((True, None), []),
        ((False, False), [f"fishd: job: a retry cannot help {CONDITION}"]),
        ((True, False, None), [f"fishd: job: a retry cannot help 1 of the 3 failed segments {CONDITION}"]),
    ],
)
def test_a_retry_that_cannot_help_is_submitted_with_a_remark(
    can_retry: tuple[bool | None, ...], remarks: list[str], spool: Spool, tmp_path: Path
) -> None:
    """Another engine may speak what this one could not."""
    publish_failed_job(spool, *can_retry)
    retried = fishd("retry", "job", cwd=tmp_path)

    assert (0, "job-retry\n") == (retried.returncode, retried.stdout)
    assert (spool.inbox / "job-retry" / "job.toml").is_file()
    assert f"fishd: job: {len(can_retry)} segments to speak again" in retried.stderr.splitlines()
    assert remarks == [line for line in retried.stderr.splitlines() if "cannot help" in line]
