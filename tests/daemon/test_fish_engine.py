"""The fish engine in the real daemon, with a tiny checkpoint of random weights."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from tests.daemon.daemon_process import EXAMPLES, running_daemon

pytest.importorskip("fish_speech", reason="the fish engine is not installed (make install-fish)")


def test_the_daemon_speaks_a_bundle_with_the_fish_engine(tmp_path: Path) -> None:
    """Two voices and six segments give clips of noise at the codec's rate, in one batch on one worker."""
    from tests.engines.fish_checkpoint import make_tiny

    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    make_tiny(checkpoint)
    engine = {"name": "fish", "checkpoint": str(checkpoint), "precision": "float32"}
    pool = {"model_memory_gb": 0.5, "cpu_workers": 1}
    with running_daemon(tmp_path / "daemon", {"engine": engine, "pool": pool}) as daemon:
        daemon.drop(EXAMPLES / "two-voices")
        result = daemon.wait_for_result("two-voices")
        log = daemon.log()
        clips = sorted((daemon.spool / "outbox" / "two-voices").glob("clips/*/*.wav"))
        with wave.open(str(clips[0])) as clip:
            rate = clip.getframerate()
    assert result["status"] == "done"
    assert result["totals"]["done"] == len(clips) == 6
    assert rate == 44_100
    assert "ready: fish" in log
    assert result["remarks"] == []
