"""Cards that fall off the bus, come back, cannot be looked at or have no room, while the daemon runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from fishd.daemon.config.gpu_watch import GpuWatch
from tests.daemon.bundles import make_bundle
from tests.daemon.running import Running

TWO = ["GPU-aaaa", "GPU-bbbb"]


@contextlib.contextmanager
def with_cards(folder: Path, cards: list[str], budget_gb: float = 20.0, **options: Any) -> Iterator[Running]:
    """A daemon on these cards, with as many workers as budgets fit; `options` are the engine's."""
    daemon = Running(folder, {"pool": {"model_memory_gb": budget_gb}, "engine": {"options": options}})
    show(daemon, cards)
    daemon.start(
        before=[sys.executable, "-m", "tests.daemon.with_cards"], env={"CARDS": str(folder / "cards.json")}
    )
    try:
        workers = len(cards) * int(21.6 // budget_gb)
        daemon.wait_until(lambda: daemon.log().count("] ready: ") == workers, "the workers")
        yield daemon
    finally:
        if daemon.process and daemon.process.poll() is None:
            daemon.kill()


def show(daemon: Running, cards: list[str]) -> None:
    (daemon.folder / "cards.json").write_text(json.dumps(cards), encoding="utf-8")


def devices(daemon: Running) -> list[str]:
    return [worker["device"] for worker in daemon.status().get("workers", [])]


def kill_worker_on(daemon: Running, device: str) -> None:
    daemon.wait_until(lambda: device in devices(daemon), f"a worker on {device}")
    pid = next(w["pid"] for w in daemon.status()["workers"] if w["device"] == device)
    psutil.Process(pid).kill()


def test_a_card_that_falls_off_the_bus_leaves_the_others_at_work(tmp_path: Path) -> None:
    """Its worker dies, the cards are looked at, the plan has one card less; a job is spoken all the same."""
    with with_cards(tmp_path / "daemon", TWO) as daemon:
        show(daemon, ["GPU-aaaa", "GPU is lost"])
        kill_worker_on(daemon, "gpu:1")
        gone = "GPU 1 (NVIDIA GeForce RTX 4090) is gone: the pool goes on with what is left"
        daemon.wait_for_log(f"[Main] {gone}")
        daemon.wait_for_log("[Main] Using 1 parallel workers across 1 GPU(s)")
        daemon.wait_until(lambda: devices(daemon) == ["gpu:0"], "one worker")
        assert gone in [error["what"] for error in daemon.status()["errors"]]
        assert [("gpu:0", 1, 1)] == [
            (post["device"], post["wanted"], post["workers"]) for post in daemon.status()["posts"]
        ]
        assert [0] == [gpu["index"] for gpu in daemon.status()["gpus"]]
        daemon.drop(make_bundle(tmp_path / "one"))
        assert "done" == daemon.wait_for_result("one")["status"]


def test_a_card_that_is_back_is_used_again(tmp_path: Path) -> None:
    """By the next look, whatever caused it."""
    with with_cards(tmp_path, ["GPU-aaaa"]) as daemon:
        show(daemon, TWO)
        kill_worker_on(daemon, "gpu:0")
        daemon.wait_for_log(
            "[Main] GPU 1 (NVIDIA GeForce RTX 4090) is available: the pool uses it from now on"
        )
        daemon.wait_until(lambda: sorted(devices(daemon)) == ["gpu:0", "gpu:1"], "both workers")


def test_a_driver_that_does_not_answer_any_more_takes_no_card_away(tmp_path: Path) -> None:
    """What runs may run on, also through a reload; it is said once."""
    with with_cards(tmp_path, TWO) as daemon:
        (tmp_path / "cards.json").unlink()
        kill_worker_on(daemon, "gpu:1")
        daemon.wait_for_log("GPU query failed; keeping the last known GPU list: the driver")
        assert daemon.process
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_log("the configuration was reloaded")
        daemon.wait_until(lambda: sorted(devices(daemon)) == ["gpu:0", "gpu:1"], "both workers")
        assert 1 == daemon.log().count("GPU query failed")


def test_out_of_memory_costs_the_card_a_worker_and_no_line(tmp_path: Path) -> None:
    """From two to one, with the budget in words; the take does not count, until there is one worker alone."""
    faults = {"Too much": "out of memory"}
    with with_cards(tmp_path / "daemon", ["GPU-aaaa"], budget_gb=10.0, faults=faults) as daemon:
        lines = ["Too much.", *(f"Line {n}." for n in range(8))]
        daemon.drop(make_bundle(tmp_path / "long", {"Ada": lines}))
        segments = daemon.wait_for_result("long")["speakers"][0]["segments"]
        assert ["failed"] + ["done"] * 8 == [segment["status"] for segment in segments]
        assert 3 == segments[0]["takes"]
        log = daemon.log()
        assert "[Main] GPU 0: out of memory: now runs 1 workers; a worker needed 0." in log
        assert "GB of its 10 GB: something else holds the GPU's memory" in log
        daemon.wait_until(lambda: daemon.status()["posts"][0]["fewer"] == 1, "it in the status")


def test_the_cards_are_looked_at_now_and_then_and_soon_when_asked() -> None:
    """Time alone is enough; asking is quicker."""
    looks: asyncio.Queue[None]

    async def look() -> None:
        looks.put_nowait(None)

    async def story() -> None:
        nonlocal looks
        looks = asyncio.Queue()
        for every_s, asks in ((0.001, False), (3600.0, True)):
            watch = GpuWatch(look, every_s)
            running = asyncio.create_task(watch.run())
            if asks:
                watch.check_soon()
            async with asyncio.timeout(10):
                await looks.get()
            running.cancel()

    asyncio.run(story())
