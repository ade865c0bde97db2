"""Nodes, actors, workers and daemons that die while a cluster speaks: no line is lost, or spoken again."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.cluster.conftest import needs_ray
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.test_ray_pool import daemon_on
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, started_daemon
from tests.shell.cli import LIMIT_S

pytestmark = needs_ray
LINES = [f"Line {n}." for n in range(40)]


class Load:
    """A job that is being spoken, and what was journalled of it when something died."""

    def __init__(self, daemon: DaemonProcess, folder: Path, lines: list[str] = LINES) -> None:
        self.daemon = daemon
        self._ledger = folder / "ledger"
        self._lines = lines
        self._journalled: set[str] = set()
        daemon.drop(make_bundle(folder / "job", {"Ada": lines}))
        daemon.wait_until(lambda: len(daemon.journal("job", "spoken")) >= 6, "six lines in the journal")

    def note_journal(self) -> None:
        """The lines that must not be spoken again."""
        for line in self.daemon.journal("job", "spoken"):
            self._journalled.add(self._lines[int(line["segment"]) - 1])

    def check_result(self, in_flight: int) -> None:
        """All lines are done; at most the takes `in_flight` were spoken twice, none of them journalled."""
        result = self.daemon.wait_for_result("job")
        segments = result["speakers"][0]["segments"]
        assert ["done"] * len(self._lines) == [segment["status"] for segment in segments]
        clips = [self.daemon.spool / "outbox" / "job" / segment["clip"] for segment in segments]
        assert all(clip.stat().st_size for clip in clips)
        spoken = read_ledger(self._ledger)
        assert set(self._lines) == set(spoken)
        again = Counter({line: times - 1 for line, times in spoken.items() if times > 1})
        assert not self._journalled & set(again), again
        assert again.total() <= in_flight, again


def remote_processes(cluster: RayCluster) -> list[psutil.Process]:
    """The actors and workers on all nodes: two for each of three workers."""
    names = ("ray::WorkerActor", "fishd.worker")
    found = [process for name in names for node in cluster.nodes.values() for process in node.processes(name)]
    assert 6 == len(found)
    return found


def test_a_node_killed_under_load_loses_nothing(cluster: RayCluster, tmp_path: Path) -> None:
    """Its takes go to the others at once; it is used again when it is back."""
    daemon = daemon_on(cluster, tmp_path, step_s=0.1)
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=3)
        load = Load(daemon, tmp_path)
        load.note_journal()
        cluster.kill("b")
        daemon.wait_for_log("gone: lost on node b: ")
        daemon.wait_for_log("[Main] node b is gone: the pool goes on with what is left")
        load.check_result(in_flight=2)
        daemon.wait_until(lambda: ["a/cpu"] == [d["device"] for d in daemon.status()["posts"]], "one node")
        cluster.start_node("b", 1)
        daemon.wait_for_log("[Main] node b is available: the pool uses it from now on")
        daemon.wait_for_log("[Main] Using 3 parallel workers on 2 nodes", times=2)
        daemon.wait_for_log("] ready: ", times=4)


@pytest.mark.parametrize(
    ("what", "reason"), [("ray::WorkerActor", "lost on node b"), ("fishd.worker", "SIGKILL")]
)
def test_a_killed_actor_or_worker_loses_nothing(
    cluster: RayCluster, tmp_path: Path, what: str, reason: str
) -> None:
    """Another one is started in its place."""
    daemon = daemon_on(cluster, tmp_path, step_s=0.1)
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=3)
        load = Load(daemon, tmp_path)
        load.note_journal()
        (process,) = cluster.nodes["b"].processes(what)
        process.kill()
        daemon.wait_for_log(reason)
        load.check_result(in_flight=2)
        daemon.wait_for_log("] ready: ", times=4)


def test_a_killed_daemon_ends_its_actors_and_the_next_one_goes_on(
    cluster: RayCluster, tmp_path: Path
) -> None:
    """No process of it is left on a node, and no journalled line is spoken again."""
    daemon = daemon_on(cluster, tmp_path, step_s=0.1)
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=3)
        load = Load(daemon, tmp_path)
        remote = remote_processes(cluster)
        daemon.kill()
        load.note_journal()
        assert [] == psutil.wait_procs(remote, LIMIT_S)[1]
    with started_daemon(daemon):
        load.check_result(in_flight=6)


def test_a_stopped_daemon_finishes_its_takes_and_leaves_no_actor(cluster: RayCluster, tmp_path: Path) -> None:
    """The next one speaks the rest."""
    daemon = daemon_on(cluster, tmp_path, step_s=0.1)
    with started_daemon(daemon):
        daemon.wait_for_log("] ready: ", times=3)
        load = Load(daemon, tmp_path)
        remote = remote_processes(cluster)
        assert 0 == daemon.stop(signal.SIGTERM)
        load.note_journal()
        assert [] == psutil.wait_procs(remote, LIMIT_S)[1]
    with started_daemon(daemon):
        load.check_result(in_flight=0)
