"""The parts that the mailbox's task works with; app.py builds and wires them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fishd.daemon.config.gpu_watch import GpuWatch
from fishd.daemon.config.reload import ConfigReloader
from fishd.daemon.controller import Controller
from fishd.daemon.intake.arrivals import Arrivals
from fishd.daemon.journal_writer import JournalWriter
from fishd.daemon.listening.take_listening import TakeListening
from fishd.daemon.mailbox import MailboxMessage
from fishd.daemon.publishing.hooks import HookRunner
from fishd.daemon.publishing.publisher import Publisher
from fishd.daemon.status.status import StatusBuilder
from fishd.daemon.status.status_publisher import StatusPublisher
from fishd.daemon.watchdog import Watchdog
from fishd.host.log.logs import Logs
from fishd.host.metrics import Metrics
from fishd.host.systemd import Notifier
from fishd.pool.pool import WorkerPool
from fishd.spool.root import Spool


@dataclass(frozen=True, slots=True)
class Parts:
    spool: Spool
    mailbox: asyncio.Queue[MailboxMessage]
    controller: Controller
    pool: WorkerPool
    arrivals: Arrivals
    journal: JournalWriter
    publisher: Publisher
    hooks: HookRunner
    listening: TakeListening
    reloader: ConfigReloader
    gpu_watch: GpuWatch
    status: StatusBuilder
    status_publisher: StatusPublisher
    watchdog: Watchdog
    notifier: Notifier
    logs: Logs
    metrics: Metrics
