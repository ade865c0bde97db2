"""The pulse: one letter at a time, through the mailbox."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fishd.daemon.pulse import Beat, Pulse
from fishd.host.systemd import Notifier
from tests.daemon.manager import Manager, manager


def pulse(heard: Manager, mailbox: asyncio.Queue[Beat]) -> tuple[Notifier, Pulse]:
    notifier = Notifier(heard.env(watchdog_s=0.002))
    return notifier, Pulse(notifier, mailbox.put_nowait)


def test_the_next_beat_comes_only_after_the_last_was_opened(tmp_path: Path) -> None:
    """A mailbox that opens nothing gets nothing more, and the watchdog nothing at all."""

    async def beat() -> None:
        mailbox: asyncio.Queue[Beat] = asyncio.Queue()
        _, under_test = pulse(heard, mailbox)
        under_test.start()
        await asyncio.sleep(0.02)  # ten beats' time
        assert mailbox.qsize() == 1
        assert heard.hear(0) is None
        under_test.felt(is_loading=False)
        assert heard.hear(0) == {"WATCHDOG": "1"}
        await mailbox.get()
        assert await mailbox.get() == Beat()

    with manager(tmp_path) as heard:
        asyncio.run(beat())


def test_more_time_is_asked_for_only_while_the_first_engine_loads(tmp_path: Path) -> None:
    """Once ready, a worker that loads is nobody's business."""

    async def beat() -> None:
        notifier, under_test = pulse(heard, asyncio.Queue())
        under_test.felt(is_loading=True)
        notifier.ready()
        under_test.felt(is_loading=True)

    with manager(tmp_path) as heard:
        asyncio.run(beat())
        heard.hear_the_rest()
        assert [next(iter(said)) for said in heard.said] == [
            "WATCHDOG",
            "EXTEND_TIMEOUT_USEC",
            "READY",
            "WATCHDOG",
        ]


def test_without_a_manager_there_is_no_pulse() -> None:
    """A daemon in a terminal is not woken for nothing."""
    mailbox: asyncio.Queue[Beat] = asyncio.Queue()
    Pulse(Notifier({}), mailbox.put_nowait).start()
    assert mailbox.empty()
