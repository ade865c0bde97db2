"""The effects of a configuration, observed at one part of fishd. daemon_effects.py observes whole daemons."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import soundfile
import tomli_w

from fishd.cluster.ray_pool import find_nodes
from fishd.core.config.config import Config
from fishd.core.config.parse import parse_config
from fishd.core.dispatch.actions import FinishJob, KillWorker, SendTake
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import JobArrived, StopRequested, Tick, WorkerProgressed, WorkerReady
from fishd.core.sizing.model import Gpu
from fishd.daemon.app import make_pool
from fishd.daemon.controller import Controller
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.intake.arrivals import Arrivals
from fishd.daemon.intake.job_loader import JobLoader
from fishd.daemon.mailbox import InboxScanned
from fishd.daemon.pool_plan import Deployment, plan_deployment
from fishd.host.gpus import DetectedGpus
from fishd.host.log.logs import set_up_logs
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.bundle.scripts.read import read_script
from fishd.spool.inbox.scan import ClaimedBundle
from fishd.spool.root import open_spool
from fishd.spool.work_folder import BUNDLE
from fishd.wire.messages import Inspect
from fishd.worker.references import inspect
from tests.core.dispatcher_driver import Driver, make_job, of
from tests.daemon.bundles import RATE, make_bundle, tone
from tests.daemon.daemon_effects import Settings
from tests.daemon.daemon_process import NOOP
from tests.shell.fake_terminal import FakeTerminal

LIMIT_S = 60.0
GPUS = (Gpu(0, "NVIDIA GeForce RTX 4090", 24.0, 24.0), Gpu(1, "NVIDIA GeForce RTX 4090", 24.0, 24.0))


def config_of(settings: Settings, folder: Path) -> Config:
    return parse_config(tomli_w.dumps(settings), str(folder / "config.toml"), {})


# ---- sizing, and the worker's Load message ----------------------------------------------------------------


def deployment_of(settings: Settings, folder: Path, gpus: tuple[Gpu, ...] = ()) -> Deployment:
    settings = {"engine": {"name": NOOP}, **settings}
    return plan_deployment(config_of(settings, folder), DetectedGpus(gpus), {}, folder)


def workers_on_gpus(settings: Settings, folder: Path) -> list[int]:
    return [share.workers for share in deployment_of(settings, folder, GPUS).plan.shares]


def workers_on_cpu(settings: Settings, folder: Path) -> int:
    return deployment_of(settings, folder).plan.shares[0].workers


def pool_of(settings: Settings, folder: Path) -> str:
    """The class of the pool that the daemon uses."""
    unused = cast("Any", None)
    return type(make_pool(unused, config_of(settings, folder), unused)).__name__


def fault_of_the_cluster(settings: Settings, folder: Path) -> str:
    """The address in the fault of a driver that finds no cluster there."""
    config = config_of({**settings, "pool": {"backend": "ray"}}, folder)
    (fault,) = asyncio.run(find_nodes(config)).faults
    return " ".join(re.findall(r"cluster at (\S+) cannot be reached", fault))


def engine_loaded(settings: Settings, folder: Path) -> str:
    return plan_deployment(config_of(settings, folder), DetectedGpus(()), {}, folder).load(0, "cpu").engine


def option_loaded(key: str) -> Callable[[Settings, Path], object]:
    """The value of an engine option in a worker's Load message."""
    return lambda settings, folder: deployment_of(settings, folder).load(0, "cpu").options.get(key)


# ---- scheduling, with a clock that is passed in -----------------------------------------------------------


def _dispatcher(settings: Settings, folder: Path) -> Driver:
    one_worker = {**settings, "pool": {"cpu_workers": 1, **settings.get("pool", {})}}
    return Driver(deployment_of(one_worker, folder).pool_plan)


def _killed_after_s(driver: Driver) -> float:
    """Seconds without an event until the one worker is killed."""
    deadline = driver.dispatcher.next_deadline(driver.now)
    assert deadline is not None
    waited_s = deadline - driver.now
    assert of(KillWorker, driver.tick(waited_s))
    return waited_s


def start_timeout_of(settings: Settings, folder: Path) -> float:
    driver = _dispatcher(settings, folder)
    driver.tick()
    return _killed_after_s(driver)


def take_timeout_of(settings: Settings, folder: Path) -> float:
    driver = _dispatcher(settings, folder)
    driver.start()
    driver.arrive(make_job())
    return _killed_after_s(driver)


def drain_timeout_of(settings: Settings, folder: Path) -> float:
    driver = _dispatcher(settings, folder)
    driver.start()
    driver.arrive(make_job())
    driver.apply(StopRequested())
    return _killed_after_s(driver)


def takes_of_a_failing_line(settings: Settings, folder: Path) -> int:
    driver = _dispatcher(settings, folder)
    driver.start()
    actions = driver.arrive(make_job())
    while not of(FinishJob, driver.actions):
        (take,) = of(SendTake, actions)
        actions = driver.fail(take)
    return len(of(SendTake, driver.actions))


def is_replaced_at_three_gb(settings: Settings, folder: Path) -> bool:
    driver = _dispatcher(settings, folder)
    driver.start()
    actions = driver.arrive(make_job(lines=(20,)))
    for _ in range(17):
        (take,) = of(SendTake, actions)
        actions = driver.complete(take)
    driver.apply(WorkerProgressed(0, 3.0, 3.0))
    return driver.dispatcher.workers.by_id[0].is_over_budget


# ---- bundles, loaded as in the daemon ---------------------------------------------------------------------


def faults_of(make: Callable[[Path], object]) -> Callable[[Settings, Path], list[str]]:
    """The faults that loading finds in the bundle that `make` writes to a path."""

    def observe(settings: Settings, folder: Path) -> list[str]:
        arrived = load(settings, folder, make)
        assert bool(arrived.faults) == (arrived.job is None)
        return [fault.what for fault in arrived.faults]

    return observe


def load(settings: Settings, folder: Path, make: Callable[[Path], object]) -> JobArrived:
    """Load the bundle that `make` writes to a path."""
    config = config_of(settings, folder)
    with open_spool(config.spool.root) as spool:
        work = spool.work / "job"
        work.mkdir()
        make(work / BUNDLE)
        loader = JobLoader(config, spool, ReferenceStore(spool.root / ".references"), b"secret")
        return loader.load_claimed(ClaimedBundle("job", work, ()))


def speech_of(text: str) -> Callable[[Settings, Path], str]:
    """What the engine is to speak for a line with this text."""

    def observe(settings: Settings, folder: Path) -> str:
        job = load(settings, folder, lambda path: make_bundle(path, {"Ada": [text]})).job
        assert job is not None
        return job.speakers[0].segments[0].speech

    return observe


def script_faults(name: str, content: bytes) -> Callable[[Settings, Path], list[str]]:
    """The faults of a script file with this content."""

    def observe(settings: Settings, folder: Path) -> list[str]:
        script = read_script(name, content, limits=config_of(settings, folder).limits)
        return [fault.what for fault in script.faults]

    return observe


class _RecordingPool:
    """Records messages instead of sending them to worker processes."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    def start_on(self, *_: object) -> None:
        pass

    def send(self, _worker: int, message: object) -> None:
        self.sent.append(message)


def faults_and_warnings_of_two_seconds(settings: Settings, folder: Path) -> list[str]:
    """Those of a reference of 2 s, with the controller's request and the worker's code that handles it."""
    clip = folder / "clip.wav"
    soundfile.write(clip, tone(2.0), RATE)
    pool, unused, deployment = _RecordingPool(), cast("Any", None), deployment_of(settings, folder)

    async def request() -> None:
        controller = Controller(
            Dispatcher(deployment.pool_plan),
            deployment,
            work=folder,
            pool=cast("Any", pool),
            journal=unused,
            publisher=unused,
            references=unused,
            listening=unused,
            post=unused,
            report_error=unused,
        )
        for event in (
            Tick(),
            WorkerReady(0, 1, "an engine"),
            JobArrived("job", make_job(), references=(("clip.wav", str(clip)),)),
        ):
            controller.apply(event)

    asyncio.run(request())
    (inspected,) = [inspect(message) for message in pool.sent if isinstance(message, Inspect)]
    return [*filter(None, [inspected.fault]), *inspected.warnings]


# ---- the inbox --------------------------------------------------------------------------------------------


def is_scanned_often(settings: Settings, folder: Path) -> bool:
    """Whether an inbox without events is scanned about as often as one with a rescan_s of 0.005."""
    return asyncio.run(_scans(settings, folder)) > 5


async def _scans(settings: Settings, folder: Path) -> int:
    counts = {"observed": 0, "reference": 0}
    done = asyncio.Event()

    async def intake(name: str, config: Config) -> None:
        def post(message: object) -> None:
            counts[name] += isinstance(message, InboxScanned)
            if counts["reference"] == 20:
                done.set()

        with open_spool(config.spool.root) as spool:
            loader = JobLoader(config, spool, ReferenceStore(spool.root / ".references"), b"secret")
            arrivals = Arrivals(loader, cast("Any", None), DiskErrorTracker(lambda *_: None), post)
            async with asyncio.TaskGroup() as group:
                group.create_task(arrivals.run())
                await done.wait()
                arrivals.stop()

    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        group.create_task(intake("observed", config_of(settings, folder)))
        reference = {"spool": {"root": "reference", "rescan_s": 0.005}}
        group.create_task(intake("reference", config_of(reference, folder)))
    return counts["observed"]


# ---- the log ----------------------------------------------------------------------------------------------


def logged(settings: Settings, folder: Path) -> str:
    """The terminal's content after a debug message and a warning were logged."""
    terminal = FakeTerminal()
    logs = set_up_logs(config_of(settings, folder).log, terminal, {"TERM": "xterm-256color"})
    logging.getLogger("fishd.test").debug("[Main] a detail")
    logging.getLogger("fishd.test").warning("[Main] a warning")
    logs.close()
    return terminal.getvalue()


def log_file_has_the_warning(settings: Settings, folder: Path) -> bool:
    logged(settings, folder)
    path = folder / "fishd.log"
    return path.exists() and "a warning" in path.read_text()
