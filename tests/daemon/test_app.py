"""The daemon's parts can be built without running any of them."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from fishd.core.config.config import Config, PoolConfig
from fishd.core.dispatch.events import StopRequested
from fishd.daemon.app import build
from fishd.daemon.config.reload import Environment
from fishd.daemon.event_loop import EventLoop
from fishd.host.log.logs import set_up_logs
from fishd.spool.root import open_spool
from tests.daemon.fake_nvml_daemon import FileNvml


def test_building_the_parts_opens_no_socket_and_handles_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor starts a worker; then the mailbox can be driven by hand."""
    config = Config(pool=PoolConfig(cpu_workers=1))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("not while building")

    async def build_and_stop() -> int:
        environment = Environment(FileNvml(tmp_path / "none"), {}, lambda: config)
        async with asyncio.TaskGroup() as group:
            monkeypatch.setattr(socket, "socket", refuse)
            monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse)
            with open_spool(tmp_path / "spool") as spool:
                logs = set_up_logs(config.log)
                parts = await build(group, config, spool, logs, environment)
                assert not parts.controller.dispatcher.workers.by_id
                parts.mailbox.put_nowait(StopRequested())
                code = await EventLoop(parts, once=False).run()
                logs.close()
        return code

    handler = signal.getsignal(signal.SIGTERM)
    assert 0 == asyncio.run(build_and_stop())
    assert handler == signal.getsignal(signal.SIGTERM)
