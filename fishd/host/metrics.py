"""Prometheus metrics as a textfile for the node exporter's textfile collector: `[metrics] textfile`.

Counters start at zero with the daemon, as Prometheus expects. prometheus-client is an optional extra and is
imported when the first file is written.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fishd.core.model.job import JobStatus
from fishd.core.model.result import Result
from fishd.core.model.status import Status
from fishd.core.quality.faults import FaultKind
from fishd.host.metric_families import (
    counter,
    gauge,
    gpu_families,
    job_families,
    labelled,
    to_text,
    worker_families,
)

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_log = logging.getLogger("fishd.metrics")
CAUSES = ("ended", "load", "engine", "out of memory", "wire")  # WorkerGone.kind


class Metrics:
    """Counts events; the rest comes from the status. A file that cannot be written never stops the daemon."""

    def __init__(self, path: Path | None = None) -> None:
        # The mutable state.
        self.path = path
        self._jobs: Counter[str] = Counter()
        self._segments: Counter[str] = Counter()
        self._doubtful = 0
        self._takes = 0
        self._retakes = 0
        self._faulty: Counter[str] = Counter()  # by the worst fault's kind
        self._audio_s = 0.0
        self._gone: Counter[str] = Counter()
        self._hooks: Counter[str] = Counter()
        self._last_success = 0.0
        self._last_fault = ""

    def published(self, result: Result) -> None:
        """Count a published job."""
        self._jobs[result.status.value] += 1
        self._segments["done"] += result.totals.done
        self._segments["failed"] += result.totals.failed
        self._doubtful += result.totals.doubtful
        self._audio_s += result.totals.audio_s
        for speaker in result.speakers:
            for segment in speaker.segments:
                self._takes += segment.takes
                self._retakes += max(segment.takes - 1, 0)
                takes = segment.quality.takes if segment.quality else ()
                self._faulty.update(take.faults[0].kind for take in takes if take.faults)
        if result.status is JobStatus.DONE:
            self._last_success = _seconds(result.finished)

    def worker_gone(self, kind: str) -> None:
        """Count a worker that died unexpectedly."""
        self._gone[kind] += 1

    def hook_ended(self, *, failed: bool) -> None:
        """Count a hook that ran after a publication."""
        self._hooks["failed" if failed else "succeeded"] += 1

    def write(self, status: Status) -> None:
        """Blocking: replace the file, readable by all. A fault is logged once."""
        if self.path is None:
            return
        try:
            _replace(self.path, to_text(self._all(status)))
        except ImportError:
            self._report(
                f"metrics.textfile needs prometheus-client: pip install 'fishd[metrics]' ({self.path})"
            )
        except OSError as error:
            self._report(f"metrics.textfile: {self.path}: cannot be written: {error.strerror}")
        else:
            self._last_fault = ""

    def _report(self, fault: str) -> None:
        if fault != self._last_fault:
            self._last_fault = fault
            _log.warning("[Main] %s", fault)

    def _all(self, status: Status) -> Iterator[Metric]:
        yield from self._counted()
        yield from job_families(status)
        yield from worker_families(status)
        yield from gpu_families(status)
        is_up = float(status.state != "stopped")
        yield gauge("fishd_up", "1 while the daemon runs, 0 after it has stopped.", is_up)
        started = _seconds(status.started)
        yield gauge("fishd_start_time_seconds", "When the daemon started, in seconds since 1970.", started)
        succeeded = 0.0 if status.config_faults else 1.0
        yield gauge("fishd_config_last_reload_successful", "Whether the last reload succeeded.", succeeded)
        about = {"version": status.version, "engine": status.engine}
        about_values = {tuple(about.values()): 1.0}
        yield labelled("fishd_info", "The daemon's version and engine.", tuple(about), about_values)

    def _counted(self) -> Iterator[Metric]:
        jobs = {(name.value,): self._jobs[name.value] for name in JobStatus}
        yield counter("fishd_jobs", "Published jobs by status.", jobs, "status")
        segments = {(name,): self._segments[name] for name in ("done", "failed")}
        yield counter("fishd_segments", "Segments of published jobs.", segments, "status")
        doubtful = {(): self._doubtful}
        yield counter("fishd_segments_doubtful", "Segments whose every take has faults.", doubtful)
        yield counter("fishd_takes", "Takes of segments of published jobs.", {(): self._takes})
        yield counter("fishd_retakes", "Takes after a segment's first.", {(): self._retakes})
        kinds = {(kind.value,): self._faulty[kind.value] for kind in FaultKind}
        yield counter(
            "fishd_takes_faulty", "Takes that a check rejected, by their worst fault.", kinds, "kind"
        )
        yield counter("fishd_audio_seconds", "Seconds of speech in published jobs.", {(): self._audio_s})
        causes = {(name,): self._gone[name] for name in (*CAUSES, *(set(self._gone) - set(CAUSES)))}
        yield counter("fishd_worker_restarts", "Workers that died, by cause.", causes, "cause")
        hooks = {(name,): self._hooks[name] for name in ("succeeded", "failed")}
        yield counter("fishd_hooks", "Hooks that ran after a publication.", hooks, "status")
        help_ = "When a job was last published with every segment spoken; 0 if never."
        yield gauge("fishd_last_success_timestamp_seconds", help_, self._last_success)


def _replace(path: Path, text: bytes) -> None:
    """The collector reads only files that end in .prom, so it never sees a partial one."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(text)
        part.chmod(0o644)  # the node exporter is another user
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def _seconds(moment: str) -> float:
    """RFC 3339 to seconds since the epoch."""
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0
