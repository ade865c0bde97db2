"""A real Ray cluster on this machine: a head and nodes, each a raylet of its own, started as operators do."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.shell.cli import ROOT, environ

START_S = 60.0
STORE_BYTES = 80 * 2**20  # about the least that Ray accepts
RAY_ENVIRON = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
    # Nodes on one machine die by a signal; that a silent one is missed is to take seconds, not half a minute.
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


class RayNode:
    """`ray start --block`, with all its processes in one tree."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def kill(self) -> None:
        """As a power cut: every process of the node at once."""
        tree = self._tree()
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self.process.wait(START_S)

    def processes(self, name: str) -> list[psutil.Process]:
        """The node's processes with this in their command line."""
        found: list[psutil.Process] = []
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                if name in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def _tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []


class RayCluster:
    """The head has no CPUs, so that workers run on the other nodes."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self.temporary = Path(environ["TMPDIR"])  # of all nodes
        self.nodes: dict[str, RayNode] = {}
        self.address = ""

    def start_head(self, *arguments: str, port: int = 0) -> None:
        self._head_arguments = arguments
        self._start(
            "head", "--head", f"--port={port}", "--include-dashboard=false", "--num-cpus=0", *arguments
        )
        self.address = self._wait_for_log("head", r"--address='([^']+)'")

    def restart_head(self) -> None:
        """At the same address, after it was killed."""
        self.start_head(*self._head_arguments, port=int(self.address.rpartition(":")[2]))

    def start_node(
        self,
        name: str,
        cpus: int = 2,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
    ) -> RayNode:
        start = (f"--address={self.address}", f"--num-cpus={cpus}", *arguments)
        node = self._start(name, *start, env=env, wrapper=wrapper)
        self._wait_for_log(name, r"(Ray runtime started)")  # two that start at once may choose the same port
        return node

    def kill(self, name: str) -> None:
        self.nodes.pop(name).kill()

    def close(self) -> None:
        for name in tuple(self.nodes):
            self.kill(name)

    def _start(
        self,
        name: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
    ) -> RayNode:
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        facts = [f"--node-name={name}", f"--object-store-memory={STORE_BYTES}", "--num-gpus=0"]
        command = [*wrapper, *ray, *facts, *arguments]
        log = self._folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, env={**self._environ, **(env or {})}, stdout=file, stderr=subprocess.STDOUT
            )
        node = self.nodes[name] = RayNode(process, log)
        return node

    def _wait_for_log(self, name: str, pattern: str) -> str:
        node, deadline = self.nodes[name], time.monotonic() + START_S
        while not (found := re.search(pattern, text := node.log.read_text())):
            assert node.process.poll() is None, f"node {name} exited:\n{text}"
            assert time.monotonic() < deadline, f"node {name} has not started:\n{text}"
            time.sleep(0.05)
        return found[1]


@contextlib.contextmanager
def ray_cluster(nodes: Mapping[str, int], head: Sequence[str] = (), **env: str) -> Iterator[RayCluster]:
    """A cluster with these nodes and their CPUs; `head` are more arguments of the head's start, `env`
    is added to the environment of all."""
    short = tempfile.TemporaryDirectory(prefix="fishd-ray-", dir="/tmp", ignore_cleanup_errors=True)
    with short as folder:  # sockets go below it
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        more = {**RAY_ENVIRON, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), **env}
        cluster = RayCluster(Path(folder), environ(more))
        try:
            cluster.start_head(f"--temp-dir={folder}/ray", *head)
            for name, cpus in nodes.items():
                cluster.start_node(name, cpus)
            yield cluster
        finally:
            cluster.close()


def cluster_config(address: str, **sections: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a daemon whose workers run on a cluster, one for each CPU."""
    pool = {"backend": "ray", "cpu_workers": "auto", **sections.pop("pool", {})}
    return {"pool": pool, "ray": {"address": address}, **sections}
