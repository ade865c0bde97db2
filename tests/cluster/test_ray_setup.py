"""A cluster that is not there or does not fit: a fault with its fix, and no worker here instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w

from tests.cluster.conftest import needs_ray
from tests.cluster.hidden_folder import HIDE, skip_without_mounts
from tests.cluster.ray_cluster import RayCluster, cluster_config
from tests.daemon.bundles import make_bundle
from tests.daemon.daemon_process import NOOP, DaemonProcess
from tests.shell.cli import ROOT, Ended, fishd

pytestmark = needs_ray
NOBODY = "127.0.0.1:9"  # the port of `discard`, where nothing listens


def plan(folder: Path, address: str, *, checkpoint: Path | str = "", path: str = "", **env: str) -> Ended:
    """`fishd plan` for the cluster at this address; `path` comes first in PYTHONPATH."""
    engine = {"name": NOOP, "checkpoint": str(checkpoint)}
    config = folder / "config.toml"
    config.write_text(tomli_w.dumps(cluster_config(address, engine=engine)), encoding="utf-8")
    return fishd("plan", "--config", config, cwd=folder, env={"PYTHONPATH": f"{path}:{ROOT}", **env})


def module(folder: Path, name: str, text: str) -> str:
    """A folder for PYTHONPATH with this module."""
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return str(path.parent)


def test_the_plan_shows_the_nodes(cluster: RayCluster, tmp_path: Path) -> None:
    """Without a daemon."""
    ended = plan(tmp_path, cluster.address)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert ended.stdout.startswith(
        "[Main] Using 3 parallel workers on 2 nodes\n[Main] a CPU: 2 workers\n[Main] b CPU: 1 workers\n"
    )


def test_auto_is_the_cluster_that_ray_itself_would_use(cluster: RayCluster, tmp_path: Path) -> None:
    """Here the one that RAY_ADDRESS names."""
    ended = plan(tmp_path, "auto", RAY_ADDRESS=cluster.address)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert ended.stdout.startswith("[Main] Using 3 parallel workers on 2 nodes\n")


def test_doctor_lists_the_nodes(cluster: RayCluster, tmp_path: Path) -> None:
    """It loads no engine here."""
    plan(tmp_path, cluster.address)
    ended = fishd("doctor", "--config", tmp_path / "config.toml", cwd=tmp_path)
    assert 0 == ended.returncode, ended.stdout
    assert "✓ Node: a CPU: 2 workers planned\n" in ended.stdout
    assert "✓ Node: b CPU: 1 worker planned\n" in ended.stdout
    assert "Engine" not in ended.stdout


def test_an_address_where_nobody_answers(tmp_path: Path) -> None:
    """The fault comes at once, not after Ray's own retries of minutes."""
    ended = plan(tmp_path, NOBODY)
    assert (1, "") == (ended.returncode, ended.stdout)
    advice = "check ray.address and that the head runs (`ray status`), and start Ray on this machine too"
    assert ended.stderr.startswith(
        f"fishd: the Ray cluster at 127.0.0.1:9 cannot be reached (Connection refused): {advice}"
    )


def test_ray_is_not_installed(tmp_path: Path) -> None:
    """Only the driver imports it."""
    stub = module(tmp_path / "stub", "ray", 'raise ImportError("No module named ray")')
    ended = plan(tmp_path, NOBODY, path=stub)
    reason = 'pool.backend is "ray", but Ray cannot be imported (No module named ray)'
    assert f"fishd: {reason}: pip install 'fishd[ray]'\n" == ended.stderr


def test_another_version_of_python_than_the_clusters(cluster: RayCluster, tmp_path: Path) -> None:
    """Both versions are shown."""
    other = 'import ray._private.utils as utils\nutils.compute_version_info = lambda: ("2.99.0", "3.99.1")\n'
    stub = module(tmp_path / "stub", "sitecustomize", other)
    ended = plan(tmp_path, cluster.address, path=stub)
    assert (
        f"the cluster at {cluster.address} has another version of Ray or Python than fishd here"
        in ended.stderr
    )
    assert "Ray: 2.99.0, Python: 3.99.1" in ended.stderr
    assert "install the same ones on all machines" in ended.stderr


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        (
            "old",
            '__version__ = "0.0.7"',
            "node old has fishd 0.0.7, the daemon 0.1.0: install the same version on all",
        ),
        (
            "bare",
            'raise ImportError("No module named fishd")',
            "node bare has no fishd (No module named fishd): pip install",
        ),
    ],
)
def test_a_node_without_fishd_or_with_another_one(
    cluster: RayCluster, tmp_path: Path, name: str, text: str, fault: str
) -> None:
    """It is left out, and the others are used."""
    stub = module(tmp_path / "stub", "fishd", text)
    cluster.start_node(name, 1, env={"PYTHONPATH": stub})
    try:
        ended = plan(tmp_path, cluster.address)
    finally:
        cluster.kill(name)
    assert fault in ended.stderr
    assert "[Main] Using 3 parallel workers on 2 nodes" in ended.stdout


def test_a_node_without_the_checkpoint(cluster: RayCluster, tmp_path: Path) -> None:
    """The fault says where it must be."""
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    skip_without_mounts(checkpoint)
    (checkpoint / "model.pth").write_bytes(b"weights")
    cluster.start_node("empty", 1, wrapper=(*HIDE, str(checkpoint)))
    try:
        ended = plan(tmp_path, cluster.address, checkpoint=checkpoint)
    finally:
        cluster.kill("empty")
    fault = f"fishd: node empty has no checkpoint at {checkpoint}: copy the folder there, to the same path\n"
    assert fault in ended.stderr
    assert "[Main] Using 3 parallel workers on 2 nodes" in ended.stdout


def test_a_daemon_without_its_cluster_starts_no_worker(tmp_path: Path) -> None:
    """It says why in the log and the status, keeps its jobs and exits with 1."""
    daemon = DaemonProcess(tmp_path / "daemon", cluster_config(NOBODY))
    (daemon.spool / "inbox").mkdir(parents=True)
    daemon.drop(make_bundle(tmp_path / "job"))
    assert 1 == daemon.run_once()
    fault = "the Ray cluster at 127.0.0.1:9 cannot be reached"
    assert f"WARNING [Main] {fault}" in daemon.log()
    assert any(fault in error["what"] for error in daemon.status()["errors"])
    assert "no worker can be started" in daemon.log()
    assert "Launching" not in daemon.log()
