"""The Prometheus textfile, read by Prometheus's own parser."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

import msgspec
import pytest

from fishd.core.model.job import JobStatus
from fishd.core.model.result import FaultResult, SegmentQuality, TakeResult
from fishd.core.model.status import GpuSnapshot, JobSnapshot, Status, WorkerSnapshot
from fishd.host.metrics import CAUSES, Metrics
from tests.core.report_samples import doubtful, partial
from tests.shell.cli import ROOT

parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")

MIXED = partial()
STATUS = Status(
    version="1.2",
    pid=1,
    at="2026-01-01T00:00:10.000Z",
    started="2026-01-01T00:00:00.000Z",
    state="running",
    engine="noop",
    spool="/spool",
    jobs=(
        JobSnapshot(
            "a", "A", "speaking", 0, done=3, failed=1, total=10, audio_s=1.0, rate=1.0, elapsed_s=1.0
        ),
    ),
    waiting=2,
    workers=(
        WorkerSnapshot(0, "gpu:0", "Card", "ready", slots=4, in_hand=4, takes=9, restarts=0, memory_gb=3.0),
        WorkerSnapshot(
            1, "gpu:0", "Card", "starting", slots=0, in_hand=0, takes=0, restarts=0, memory_gb=2.0
        ),
    ),
    gpus=(GpuSnapshot(0, "Card", total_gb=24.0, free_gb=20.0, workers=2),),
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    families = parser.text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def written(tmp_path: Path, metrics: Metrics, status: Status = STATUS) -> Samples:
    metrics.path = tmp_path / "fishd.prom"
    metrics.write(status)
    return samples(metrics.path.read_text())


def value(found: Samples, name: str, /, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_gauges_have_the_current_status(tmp_path: Path) -> None:
    """They are jobs and workers by state, segments, and memory in bytes."""
    found = written(tmp_path, Metrics())
    assert value(found, "fishd_up") == 1
    assert value(found, "fishd_jobs_in_work", state="speaking") == 1
    assert value(found, "fishd_takes_in_hand") == 4
    assert value(found, "fishd_segments_waiting") == 2
    assert value(found, "fishd_bundles_incomplete") == 2
    assert value(found, "fishd_workers", device="gpu:0", state="ready") == 1
    assert value(found, "fishd_workers", device="gpu:0", state="draining") == 0
    assert value(found, "fishd_gpu_memory_total_bytes", gpu="0", name="Card") == 24 * 2**30
    assert value(found, "fishd_gpu_memory_used_bytes", gpu="0", name="Card") == 5 * 2**30
    assert value(found, "fishd_info", version="1.2", engine="noop") == 1


def test_published_jobs_are_counted(tmp_path: Path) -> None:
    """Segments, takes and seconds of audio are counted too; a partial job is not a success."""
    metrics = Metrics()
    metrics.published(MIXED)
    metrics.published(MIXED)
    found = written(tmp_path, metrics)
    segments = [segment for speaker in MIXED.speakers for segment in speaker.segments]
    assert value(found, "fishd_jobs_total", status=MIXED.status.value) == 2
    assert value(found, "fishd_jobs_total", status="cancelled") == 0
    assert value(found, "fishd_segments_total", status="done") == 2 * MIXED.totals.done
    assert value(found, "fishd_segments_total", status="failed") == 2 * MIXED.totals.failed
    assert value(found, "fishd_takes_total") == 2 * sum(segment.takes for segment in segments)
    assert value(found, "fishd_audio_seconds_total") == pytest.approx(2 * MIXED.totals.audio_s)
    assert value(found, "fishd_last_success_timestamp_seconds") == 0


def test_faulty_takes_are_counted_by_their_worst_fault(tmp_path: Path) -> None:
    """Those of doubtful lines, and those that were spoken again with success."""
    result = doubtful()
    (speaker,) = result.speakers
    hole = FaultResult("hole", "2.9 s hole at 1.4 s", 0.7)
    takes = (TakeResult(1, 7, (hole,)), TakeResult(2, 8, (hole, hole)), TakeResult(3, 9))
    first = msgspec.structs.replace(speaker.segments[0], quality=SegmentQuality((), 14.0, -22.0, takes))
    speaker = msgspec.structs.replace(speaker, segments=(first, *speaker.segments[1:]))
    metrics = Metrics()
    metrics.published(msgspec.structs.replace(result, speakers=(speaker,)))
    found = written(tmp_path, metrics)

    assert 3 == value(found, "fishd_segments_doubtful_total")
    assert 2 == value(found, "fishd_takes_faulty_total", kind="hole")
    assert 0 == value(found, "fishd_takes_faulty_total", kind="noise")


def test_the_last_success_is_a_timestamp(tmp_path: Path) -> None:
    """Queries subtract it: `time() - fishd_last_success_timestamp_seconds`."""
    metrics = Metrics()
    metrics.published(
        msgspec.structs.replace(MIXED, status=JobStatus.DONE, finished="1970-01-01T00:01:00.500Z")
    )
    assert value(written(tmp_path, metrics), "fishd_last_success_timestamp_seconds") == 60.5


def test_workers_that_died_are_counted_by_cause(tmp_path: Path) -> None:
    """Every cause begins at 0, so that the first death is part of a rate."""
    metrics = Metrics()
    metrics.worker_gone("engine")
    found = written(tmp_path, metrics)
    counted = {cause: value(found, "fishd_worker_restarts_total", cause=cause) for cause in CAUSES}
    assert counted == {**dict.fromkeys(CAUSES, 0.0), "engine": 1.0}


def test_the_file_is_readable_by_other_users(tmp_path: Path) -> None:
    """The node exporter runs as one; no temporary file is left."""
    written(tmp_path, Metrics())
    assert [path.name for path in tmp_path.iterdir()] == ["fishd.prom"]
    assert oct((tmp_path / "fishd.prom").stat().st_mode & 0o777) == "0o644"


def test_a_path_that_cannot_be_written_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises no exception."""
    metrics = Metrics(tmp_path / "gone" / "fishd.prom")
    with caplog.at_level(logging.WARNING):
        metrics.write(STATUS)
        metrics.write(STATUS)
    assert [record.message for record in caplog.records] == [
        f"[Main] metrics.textfile: {tmp_path}/gone/fishd.prom: cannot be written: No such file or directory"
    ]


def test_without_prometheus_client_the_fix_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package is optional."""
    monkeypatch.setitem(sys.modules, "prometheus_client.core", None)
    with caplog.at_level(logging.WARNING):
        Metrics(tmp_path / "fishd.prom").write(STATUS)
    assert "pip install 'fishd[metrics]'" in caplog.text


def test_without_a_textfile_nothing_is_written(tmp_path: Path) -> None:
    """This is the default."""
    Metrics().write(STATUS)
    assert list(tmp_path.iterdir()) == []


def test_the_dashboard_queries_only_metrics_that_are_written(tmp_path: Path) -> None:
    """It is docs/grafana.json."""
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text())
    queries = {target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])}
    names = {name for name, _ in written(tmp_path, Metrics())}
    queried = {word for expr in queries for word in _names(expr)}
    assert queried
    assert queried <= names


def _names(expr: str) -> set[str]:
    return set(re.findall(r"\bfishd_[a-z_]+", expr))
