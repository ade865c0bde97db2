"""Faults of a cluster that take minutes to show, or many repetitions to trust."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import needs_ray
from tests.cluster.ray_cluster import RAY_ENVIRON, RayCluster, cluster_config, ray_cluster
from tests.cluster.test_ray_faults import Load
from tests.cluster.test_ray_pool import daemon_on
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import DaemonProcess, read_ledger, started_daemon
from tests.shell.cli import environ

pytestmark = [needs_ray, pytest.mark.slow]
ROUNDS = 20


def test_killing_a_node_of_four_twenty_times_loses_nothing(tmp_path: Path) -> None:
    """Each time another node, under load; the node then comes back."""
    with ray_cluster(dict.fromkeys("abcd", 1)) as cluster:
        for n in range(ROUNDS):
            folder, name = tmp_path / str(n), "abcd"[n % 4]
            daemon = daemon_on(cluster, folder, step_s=0.1)
            with started_daemon(daemon):
                daemon.wait_for_log("] ready: ", times=4)
                load = Load(daemon, folder)
                load.note_journal()
                cluster.kill(name)
                load.check_result(in_flight=2)
                daemon.wait_for_log(f"gone: lost on node {name}: ")
                daemon.stop()
            cluster.start_node(name, 1)


def test_a_head_that_restarts_ends_all_workers_and_loses_nothing(tmp_path: Path) -> None:
    """Without a head the daemon waits; with a new one, at the same address, it goes on."""
    with ray_cluster({"a": 1, "b": 1}) as cluster:
        daemon = daemon_on(cluster, tmp_path, step_s=0.1)
        with started_daemon(
            daemon, env={"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
        ):  # Ray's default is 60
            daemon.wait_for_log("] ready: ", times=2)
            load = Load(daemon, tmp_path, [f"Line {n}." for n in range(400)])
            load.note_journal()
            for name in ("head", "a", "b"):
                cluster.kill(name)
            daemon.wait_for_log("cannot be reached")
            assert daemon.process.poll() is None
            cluster.restart_head()
            for name in "ab":
                cluster.start_node(name, 1)
            load.check_result(in_flight=4)
            assert 0 == daemon.stop()


def test_a_full_object_store_is_waited_for(tmp_path: Path) -> None:
    """Also where Ray can spill nothing to the disk. The status says so; when there is room, all is spoken."""
    nothing_spilled = '{"automatic_object_spilling_enabled": false, "local_fs_capacity_threshold": 0.001}'
    with ray_cluster({"a": 2}, head=(f"--system-config={nothing_spilled}",)) as cluster:
        engine = {"options": {"tone_s": 100.0, "pulsed": True, "ledger": str(tmp_path / "ledger")}}
        daemon = DaemonProcess(tmp_path / "daemon", cluster_config(cluster.address, engine=engine))
        with started_daemon(daemon), filled_store(cluster) as release:
            daemon.wait_for_log("] ready: ", times=2)
            daemon.drop(make_bundle(tmp_path / "job", {"Ada": [f"Line {n}." for n in range(20)]}))
            daemon.wait_for_log("cannot write clips: No space left on device")
            assert not (daemon.spool / "outbox" / "job").exists()
            release()
            assert "done" == daemon.wait_for_result("job")["status"]
            assert {f"Line {n}.": 1 for n in range(20)} == read_ledger(tmp_path / "ledger")


@contextlib.contextmanager
def filled_store(cluster: RayCluster) -> Iterator[Callable[[], object]]:
    """The object store of every node is full, until the function that this gives is called."""
    command = [sys.executable, "-m", "tests.cluster.fill_store", cluster.address]
    env = environ(RAY_ENVIRON)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as filling:
        assert filling.stdin is not None
        assert filling.stdout is not None
        try:
            while (line := filling.stdout.readline()) != b"full\n":
                assert line, "the store could not be filled"
            yield filling.stdin.close
        finally:
            filling.kill()
