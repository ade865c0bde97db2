"""Workers on a Ray cluster against local ones, with an engine that sleeps as a GPU would compute.

    python -m bench.cluster [--workers 1 2 4 8] [--simulated 64] [--takes 30] [--step 0.2] [--rounds 3]

Every raylet is on this machine: no network is measured. For each number of workers there is one paired
run: the same job is spoken by local workers and by Ray workers, in turns. Prints, all from this run:

- takes a second of both, the ratio, and the share of what the sleeps alone would allow;
- CPU of the daemon and of its Ray driver for each take, and the most memory of each;
- with --bytes, as root: what crosses the link to a node for each take;
- with --loss: the time from the loss of a node of four until the others are at full speed again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import tomli_w

from bench.measured_daemon import make_bundle, wait_for, wav
from tests.cluster.namespaces import NODES, NoNamespaces, cluster_in_namespaces, sent_bytes
from tests.cluster.ray_cluster import cluster_config, ray_cluster
from tests.daemon.daemon_process import NOOP, DaemonProcess, started_daemon

TONE_S = 5.0  # of a clip: 160 kB at the engine's 16 kHz
REFERENCE = wav(10.0, 24_000)


@dataclass(frozen=True)
class Run:
    """One job with so many workers: its takes a second, and what each process cost."""

    takes_s: float
    daemon_ms: float
    driver_ms: float
    main_ms: float  # of the driver's main thread, where all of Python runs
    daemon_mb: float
    driver_mb: float
    clip_bytes: float


def main() -> None:
    given = parse()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; {given.step} s a take, {given.takes} takes a worker")
    head = "workers  local/s   ray/s  ratio  of the sleeps  daemon ms  driver ms  its main"
    print(f"{head}  daemon MB  driver MB  clip kB", flush=True)
    for workers in given.workers:
        compare(workers, given)
    for workers in given.simulated:
        simulate(workers, given)
    if given.loss:
        lose_a_node(given)
    if given.bytes:
        count_bytes()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--simulated", type=int, nargs="*", default=[64], help="slots of 8 Ray workers")
    parser.add_argument("--takes", type=int, default=30, help="of each worker")
    parser.add_argument("--step", type=float, default=0.2, metavar="S", help="that a take sleeps")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loss", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--bytes", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


# ---- throughput -----------------------------------------------------------------------------------------


def compare(workers: int, given: argparse.Namespace) -> None:
    """Local and Ray workers in turns; the medians."""
    options = {"step_s": given.step, "tone_s": TONE_S, "pulsed": True}
    takes = workers * given.takes
    with scratch() as folder, ray_cluster({"a": workers}) as cluster:
        local_config = {"pool": {"cpu_workers": workers}, **engine(options)}
        ray_config = cluster_config(cluster.address, **engine(options))
        with (
            ready(folder / "local", local_config, workers) as local,
            ready(folder / "ray", ray_config, workers) as ray,
        ):
            rounds = [(speak(local, n, takes), speak(ray, n, takes)) for n in range(given.rounds)]
    here, there = (median([pair[n] for pair in rounds]) for n in (0, 1))
    print_row(workers, there, workers / given.step, here.takes_s)


def simulate(slots: int, given: argparse.Namespace) -> None:
    """As many takes in flight as that many workers would have, in 8 Ray workers with slots."""
    options = {"step_s": given.step / 4, "steps": 4, "capacity": slots // 8, "tone_s": TONE_S}
    options["pulsed"] = True
    with scratch() as folder, ray_cluster({"a": 8}) as cluster:
        config = cluster_config(cluster.address, **engine(options))
        with ready(folder / "ray", config, 8) as daemon:
            runs = [speak(daemon, n, slots * given.takes) for n in range(given.rounds)]
    print_row(slots, median(runs), slots / given.step, None)


def print_row(workers: int, run: Run, most: float, local: float | None) -> None:
    ratio = "" if local is None else f"{run.takes_s / local:.3f}"
    here = "" if local is None else f"{local:.1f}"
    speed = f"{workers:7} {here:>8} {run.takes_s:7.1f} {ratio:>6} {run.takes_s / most:14.2f}"
    cost = f"{run.daemon_ms:10.2f} {run.driver_ms:10.2f} {run.main_ms:9.2f}"
    memory = f"{run.daemon_mb:10.0f} {run.driver_mb:10.0f}"
    print(f"{speed} {cost} {memory} {run.clip_bytes / 1000:8.0f}", flush=True)


def median(runs: list[Run]) -> Run:
    """Of each figure."""
    return Run(*(statistics.median(getattr(run, name) for run in runs) for name in Run.__dataclass_fields__))


def engine(options: dict[str, object]) -> dict[str, dict[str, object]]:
    quiet = {"log": {"level": "warning"}, "quality": {"check": "off"}}
    return {"engine": {"name": NOOP, "options": options}, **quiet}


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fishd-bench-") as folder:
        yield Path(folder)


@contextmanager
def ready(folder: Path, config: dict[str, object], workers: int) -> Iterator[DaemonProcess]:
    """A daemon with all of its workers ready."""
    with started_daemon(DaemonProcess(folder, config)) as daemon:
        wait_for(lambda: sum(w["state"] == "ready" for w in daemon.workers()) == workers, "the workers")
        yield daemon
        daemon.stop()


def speak(daemon: DaemonProcess, n: int, takes: int) -> Run:
    """Speak one job of so many lines."""
    processes = [psutil.Process(daemon.process.pid)]
    processes += [p for p in processes[0].children() if "fishd.cluster.driver" in p.cmdline()]
    before, before_main_s = [cpu_s(process) for process in processes], main_thread_s(processes[-1])
    result = finish_job(daemon, f"job{n}", takes)
    assert all(s["takes"] == 1 for s in result["speakers"][0]["segments"]), "a line was spoken twice"
    ms = [(cpu_s(p) - was) * 1000 / takes for p, was in zip(processes, before, strict=True)]
    mb = [p.memory_info().rss / 2**20 for p in processes]
    sizes = [path.stat().st_size for path in (daemon.spool / "outbox" / f"job{n}").rglob("*.wav")]
    spoken_s = result["totals"]["wall_s"]
    main_ms = (main_thread_s(processes[-1]) - before_main_s) * 1000 / takes
    return Run(takes / spoken_s, ms[0], ms[-1], main_ms, mb[0], mb[-1], statistics.mean(sizes))


def finish_job(daemon: DaemonProcess, name: str, takes: int) -> dict:
    drop_job(daemon, name, takes)
    published = daemon.spool / "outbox" / name / "result.json"
    wait_for(published.exists, name)
    result = json.loads(published.read_bytes())
    assert result["status"] == "done", result
    return result


def drop_job(daemon: DaemonProcess, name: str, takes: int) -> None:
    lines = [{"text": f"Line {n}."} for n in range(takes)]
    speaker = {"name": "Ada", "reference": "ada.wav", "transcript": "A tone.", "segments": lines}
    staged = daemon.folder / name
    make_bundle(staged, tomli_w.dumps({"speakers": [speaker]}), REFERENCE)
    staged.rename(daemon.spool / "inbox" / name)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main_thread_s(process: psutil.Process) -> float:
    return next(t.user_time + t.system_time for t in process.threads() if t.id == process.pid)


# ---- loss -----------------------------------------------------------------------------------------------


def lose_a_node(given: argparse.Namespace) -> None:
    """Kill a node of four under load, and start it again: how long until each is noticed?"""
    options = {"step_s": given.step, "tone_s": TONE_S, "pulsed": True}
    with scratch() as folder, ray_cluster(dict.fromkeys("abcd", 2)) as cluster:
        config = cluster_config(cluster.address, **{**engine(options), "log": {"level": "info"}})
        with ready(folder / "ray", config, 8) as daemon:
            drop_job(daemon, "long", round(60 * 8 / given.step))
            rate = Rate(daemon, "long")
            wait_for(lambda: rate.num_spoken() > 50, "the first takes")
            full = rate.over(3.0)
            print(f"four nodes of two workers: {full:.1f} takes/s")
            killed = time.perf_counter()
            cluster.kill("d")
            wait_for(lambda: "gone: lost on node d" in daemon.log(), "the loss")
            print(
                f"a node is killed: its takes are given to others after {time.perf_counter() - killed:.1f} s"
            )
            wait_for(lambda: "node d is gone" in daemon.log(), "the new plan")
            print(f"  the plan is without it after {time.perf_counter() - killed:.1f} s")
            print(f"  three nodes speak {rate.over(3.0):.1f} takes/s; {0.75 * full:.1f} are three quarters")
            started = time.perf_counter()
            cluster.start_node("d", 2)
            joined = time.perf_counter()
            wait_for(lambda: daemon.log().count("] ready: ") == 10, "the node's workers")
            print(f"it is started again: Ray takes {joined - started:.1f} s,", end=" ")
            print(f"its workers are ready {time.perf_counter() - joined:.1f} s later")
            print(f"  all speak {rate.over(3.0):.1f} takes/s", flush=True)
            daemon.kill()


def count_bytes() -> None:
    """Speak a job on a node behind a link of its own: what crosses the link for each take?"""
    try:
        with scratch() as folder, cluster_in_namespaces() as cluster:
            config = cluster_config(cluster.address, **engine({"tone_s": TONE_S, "pulsed": True}))
            with ready(folder / "ray", config, 2) as daemon:
                speak(daemon, 0, 20)  # the reference is on the nodes
                before = [sent_bytes(name) for name in NODES]
                run = speak(daemon, 1, 200)
                after = [sent_bytes(name) for name in NODES]
    except NoNamespaces as reason:
        print(f"bytes a take: not measured: {reason}")
        return
    sent, received = (sum(b[n] - a[n] for a, b in zip(before, after, strict=True)) / 200 for n in (0, 1))
    print(f"a take of {run.clip_bytes / 1000:.0f} kB: its node sends {sent / 1000:.0f} kB", end=" ")
    print(f"and receives {received / 1000:.1f} kB")


class Rate:
    """Takes a second, from the journal of a job in work."""

    def __init__(self, daemon: DaemonProcess, job: str) -> None:
        self._journal = daemon.spool / "work" / job / "journal.jsonl"

    def over(self, seconds: float) -> float:
        """From now on, for so long."""
        before, started = self.num_spoken(), time.perf_counter()
        time.sleep(seconds)
        return (self.num_spoken() - before) / (time.perf_counter() - started)

    def num_spoken(self) -> int:
        return self._journal.read_bytes().count(b'"is":"spoken"') if self._journal.exists() else 0


if __name__ == "__main__":
    main()
