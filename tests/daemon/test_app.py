"""The daemon's parts can be built without running any of them."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import psutil

from fishd.core.config.config import Config, PoolConfig
from fishd.core.dispatch.events import StopRequested
from fishd.daemon.app import build
from fishd.daemon.config.reload import Environment
from fishd.daemon.event_loop import EventLoop
from fishd.host.log.logs import set_up_logs
from fishd.spool.root import open_spool
from fishd.wire.control import CONTROL
from tests.daemon.fake_nvml_daemon import FileNvml


def running_parts() -> tuple[object, ...]:
    """Tasks, sockets, child processes and signal handlers of this process."""
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    process = psutil.Process()
    return asyncio.all_tasks(), process.net_connections("all"), process.children(), handlers


def test_building_the_parts_runs_none_of_them(tmp_path: Path) -> None:
    """No task, socket, worker or signal handler; afterwards the mailbox can be served alone."""
    config = Config(pool=PoolConfig(cpu_workers=1))

    async def build_and_stop() -> int:
        environment = Environment(FileNvml(tmp_path / "none"), {}, lambda: config)
        async with asyncio.TaskGroup() as group:
            with open_spool(tmp_path / "spool") as spool:
                logs = set_up_logs(config.log)
                before = running_parts()
                parts = await build(group, config, spool, logs, environment)
                assert before == running_parts()
                assert not (spool.root / CONTROL).exists()
                assert not parts.controller.dispatcher.workers.by_id
                parts.mailbox.put_nowait(StopRequested())
                code = await EventLoop(parts, once=False).run()
                logs.close()
        return code

    assert 0 == asyncio.run(build_and_stop())
