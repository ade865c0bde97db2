"""The composition root: builds the daemon's parts, connects signals and sockets, and runs it all."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine

from fishd.cluster.ray_pool import RayPool
from fishd.core.config.config import Config
from fishd.core.dispatch.dispatcher import Dispatcher
from fishd.core.dispatch.events import StopRequested, Tick
from fishd.core.model.status import Status
from fishd.core.text.timestamps import rfc3339
from fishd.daemon.announce import log_plan
from fishd.daemon.config.config_watch import ConfigWatch
from fishd.daemon.config.gpu_watch import GPUS_EVERY_S, NODES_EVERY_S, GpuWatch
from fishd.daemon.config.reload import ConfigReloader, Environment
from fishd.daemon.control_socket import ControlSocket
from fishd.daemon.controller import Controller
from fishd.daemon.disk_errors import DiskErrorTracker
from fishd.daemon.event_loop import EventLoop
from fishd.daemon.intake.arrivals import Arrivals
from fishd.daemon.intake.job_loader import JobLoader
from fishd.daemon.journal_writer import JournalWriter
from fishd.daemon.listening.take_listening import TakeListening
from fishd.daemon.mailbox import MailboxMessage
from fishd.daemon.parts import Parts
from fishd.daemon.publishing.hooks import HookRunner
from fishd.daemon.publishing.publisher import Publisher
from fishd.daemon.status.status import StatusBuilder
from fishd.daemon.status.status_publisher import StatusPublisher
from fishd.daemon.watchdog import Watchdog
from fishd.daemon.worker_events import WorkerEvents
from fishd.host.log.logs import Logs
from fishd.host.metrics import Metrics
from fishd.host.systemd import Notifier
from fishd.pool.pool import Pool, WorkerExited, WorkerMessage, WorkerPool
from fishd.pool.program import WORKER
from fishd.spool.bundle.reference_store import ReferenceStore
from fishd.spool.outbox.reuse import reuse_secret
from fishd.spool.root import Spool
from fishd.wire.control import CONTROL
from fishd.wire.messages import FromWorker


def run(config: Config, spool: Spool, logs: Logs, environment: Environment, *, once: bool = False) -> int:
    """Serve one spool until told to stop; the exit code."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")  # what a worker prints is logged when it prints it
    return asyncio.run(serve(config, spool, logs, environment, once=once))


async def serve(
    config: Config, spool: Spool, logs: Logs, environment: Environment, *, once: bool = False
) -> int:
    async with asyncio.TaskGroup() as group:
        parts = await build(group, config, spool, logs, environment)
        event_loop = EventLoop(parts, once=once)
        _handle_signals(parts)
        tasks = [group.create_task(run, name=name) for name, run in _tasks(parts, event_loop).items()]
        parts.controller.apply(Tick())
        parts.watchdog.start()
        status = await event_loop.run()
        parts.listening.stop()
        parts.pool.close()
        for task in tasks:
            task.cancel()
    await parts.status_publisher.save_final()
    return status


async def build(
    group: asyncio.TaskGroup, config: Config, spool: Spool, logs: Logs, environment: Environment
) -> Parts:
    """Every part, wired to the mailbox. Nothing runs yet: no task, no worker, no socket, no signal handler.

    `group` is for the tasks that workers and publications will need.
    """
    mailbox: asyncio.Queue[MailboxMessage] = asyncio.Queue()
    post = mailbox.put_nowait
    cache = spool.root / ".cache"

    def receive(received: WorkerMessage[FromWorker] | WorkerExited) -> None:
        worker_events.receive(received)

    def pid_of(worker: int) -> int | None:
        return pool.pid(worker)

    def our_pids() -> list[int]:
        return [pid for worker in dispatcher.workers.by_id if (pid := pid_of(worker)) is not None]

    def snapshot() -> Status:
        now, at = asyncio.get_running_loop().time(), rfc3339(time.time())
        assembling = [assembly.outcome for assembly in publisher.assembling.values()]
        return status.snapshot(dispatcher, reloader.gpus, controller.device_names, assembling, at=at, now=now)

    pool = make_pool(group, config, receive)
    detect_nodes = pool.find_nodes if isinstance(pool, RayPool) else None
    reloader = ConfigReloader(config, environment, cache, our_pids, post, detect_nodes=detect_nodes)
    deployment = await reloader.plan_initial()
    log_plan(deployment)
    dispatcher = Dispatcher(deployment.pool_plan)

    notifier = Notifier(environment.environ)
    metrics = Metrics(config.metrics.textfile)
    secret = reuse_secret(cache)
    references = ReferenceStore(spool.root / ".references")
    status = StatusBuilder(rfc3339(time.time()), deployment.engine, str(spool.root), pid_of)
    for fault in deployment.faults:
        status.add_error("cluster", fault)
    disk_errors = DiskErrorTracker(status.add_error)
    journal = JournalWriter(spool, disk_errors, post)
    worker_events = WorkerEvents(dispatcher.in_flight, journal, disk_errors, post)
    listening = TakeListening(group, spool.work, config.quality.recogniser, journal, status.add_error)
    hooks = HookRunner(spool.root, spool.outbox, environment.environ, post)
    hooks.command = config.hooks.published
    publisher = Publisher(spool, logs.jobs, group, disk_errors, post, hooks=hooks, secret=secret)
    controller = Controller(
        dispatcher,
        deployment,
        work=spool.work,
        pool=pool,
        journal=journal,
        publisher=publisher,
        references=references,
        listening=listening,
        post=post,
        report_error=status.add_error,
    )
    loader = JobLoader(config, spool, references, secret)
    return Parts(
        spool=spool,
        mailbox=mailbox,
        controller=controller,
        pool=pool,
        arrivals=Arrivals(loader, publisher, disk_errors, post),
        journal=journal,
        publisher=publisher,
        hooks=hooks,
        listening=listening,
        reloader=reloader,
        gpu_watch=GpuWatch(reloader.check_gpus, NODES_EVERY_S if detect_nodes else GPUS_EVERY_S),
        status=status,
        status_publisher=StatusPublisher(spool.status_path, logs, notifier, metrics, snapshot),
        watchdog=Watchdog(notifier, post),
        notifier=notifier,
        logs=logs,
        metrics=metrics,
    )


def make_pool(
    group: asyncio.TaskGroup,
    config: Config,
    post: Callable[[WorkerMessage[FromWorker] | WorkerExited], None],
) -> WorkerPool:
    """The pool that pool.backend names."""
    if config.pool.backend == "ray":
        return RayPool(group, config.ray.address, post)
    return Pool(group, WORKER, post)


def _tasks(parts: Parts, event_loop: EventLoop) -> dict[str, Coroutine[None, None, None]]:
    """What runs beside the mailbox, by name."""
    config_path = parts.reloader.config.source
    return {
        "arrivals": parts.arrivals.run(),
        "journal": parts.journal.run(),
        "hooks": parts.hooks.run(),
        "reloads": parts.reloader.run(),
        "GPU watch": parts.gpu_watch.run(),
        "status": parts.status_publisher.run(),
        "config watch": ConfigWatch(config_path, lambda: _request_reload(parts)).run(),
        "control socket": ControlSocket(parts.spool.root / CONTROL, event_loop.cancel).run(),
    }


def _handle_signals(parts: Parts) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, parts.mailbox.put_nowait, StopRequested())
    loop.add_signal_handler(signal.SIGHUP, _request_reload, parts)


def _request_reload(parts: Parts) -> None:
    parts.notifier.reloading()
    parts.reloader.request()
