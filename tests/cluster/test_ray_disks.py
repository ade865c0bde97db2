"""Nodes that cannot see the daemon's disk: reference clips go there and clips come back through Ray alone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from tests.cluster.conftest import needs_ray
from tests.cluster.hidden_folder import HIDE, skip_without_mounts
from tests.cluster.ray_cluster import RayCluster, cluster_config, ray_cluster
from tests.daemon.bundles import make_bundle, tone
from tests.daemon.daemon_process import DaemonProcess, started_daemon

pytestmark = needs_ray
RATE = 48_000
LONG_S = 100.0  # a clip of 9.6 MB travels in three chunks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything of the daemon's, hidden from the node."""
    return tmp_path_factory.mktemp("hidden")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[RayCluster]:
    """One node with two CPUs, for which the folder is empty."""
    skip_without_mounts(folder)
    with ray_cluster({}) as started:
        started.start_node("a", 2, wrapper=(*HIDE, str(folder)))
        yield started


def long_clip() -> bytes:
    with io.BytesIO() as file:
        soundfile.write(file, tone(LONG_S, RATE), RATE, format="WAV", subtype="PCM_16")
        return file.getvalue()


def test_clips_of_any_length_travel_without_a_shared_disk(cluster: RayCluster, folder: Path) -> None:
    """References and results of several chunks; the node keeps references by content, and no clip."""
    engine = {"options": {"tone_s": LONG_S * 2, "pulsed": True}}
    daemon = DaemonProcess(folder / "daemon", cluster_config(cluster.address, engine=engine))
    with started_daemon(daemon):
        for name in ("one", "two"):
            daemon.drop(make_bundle(folder / name, {"Ada": ["One.", "Two.", "Three."]}, {"Ada": long_clip()}))
            result = daemon.wait_for_result(name)
            assert "done" == result["status"], daemon.log()
            for segment in result["speakers"][0]["segments"]:
                clip = soundfile.info(daemon.spool / "outbox" / name / segment["clip"])
                assert LONG_S * 2 == clip.duration
        kept = list(cluster.temporary.glob("fishd-node-*/references/*"))
        assert [(".wav", len(long_clip()))] == [(path.suffix, path.stat().st_size) for path in kept]
        assert 0 == daemon.stop()
        assert [] == list(cluster.temporary.glob("fishd-node-*/clips/*"))


def test_a_reference_clip_that_is_no_audio_is_rejected_as_on_one_machine(
    cluster: RayCluster, folder: Path
) -> None:
    """With the same words."""
    daemon = DaemonProcess(folder / "rejecting", cluster_config(cluster.address))
    with started_daemon(daemon):
        daemon.drop(make_bundle(folder / "bad", audio={"Ada": b"no audio"}))
        (fault,) = daemon.wait_for_result("bad")["errors"]
        assert "not audio that can be read; give it as WAV, FLAC, OGG or MP3" == fault["what"]
