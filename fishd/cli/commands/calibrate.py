"""`fishd calibrate`: measure the memory of one worker as it speaks more and more takes at once."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from fishd.cli.locate import engine_cache, read_config
from fishd.cli.memory_measurement import MemoryMeasurement
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, console, print_message
from fishd.cli.single_worker import SingleWorker, WorkerLost
from fishd.core.config.config import Config
from fishd.core.config.edit import set_number, set_number_and_rewrite
from fishd.core.sizing.calibration import Level, Proposal, levels, propose
from fishd.core.sizing.model import DeviceShare, Gpu
from fishd.core.sizing.plan import available_on, room_for
from fishd.core.text.humanize import count
from fishd.daemon.pool_plan import Deployment, plan_deployment
from fishd.host.gpus import detect_gpus
from fishd.host.nvml import NvmlLibrary
from fishd.wire.messages import Ready


def calibrate(path: Path | None, *, write: bool) -> int:
    """Measure, print the figures and the budget that they give, and with `write` set it; the exit code."""
    config = read_config(path)
    nvml = NvmlLibrary()
    found = detect_gpus(nvml, os.environ)
    with engine_cache(config) as cache:
        deployment = plan_deployment(config, found, os.environ, cache)
        share = next(share for share in deployment.plan.shares if share.workers)
        device = share.device.label + (f" ({share.device.name})" if share.total_gb else "")
        print_message(f"loading one worker with the {deployment.engine} engine on {device}")
        try:
            measured = asyncio.run(_measure(config, deployment, share, nvml))
        except WorkerLost as error:
            raise CommandError(f"{share.device.label}: calibration failed: {error}", EXIT_FAILED) from error
    proposal = propose(measured, on_gpu=share.total_gb > 0)
    _print(measured, proposal, config, share, found.gpus)
    if write:
        _write(config.source, proposal)
    return EXIT_OK


async def _measure(
    config: Config, deployment: Deployment, share: DeviceShare, nvml: NvmlLibrary
) -> list[Level]:
    device = share.device
    index = int(device.id.partition(":")[2] or -1)
    read_gpu = (lambda: nvml.read(index)) if share.total_gb else None
    with tempfile.TemporaryDirectory(prefix="fishd-calibrate-") as folder:
        async with SingleWorker(device.env) as worker:
            ready = await worker.ask(deployment.load(0, device.id), Ready, config.pool.start_timeout_s)
            measurement = MemoryMeasurement(worker, Path(folder), read_gpu)
            measured: list[Level] = []
            for takes in levels(ready.slots):
                print_message(f"speaking {count(takes, 'take')} at once")
                measured.append(await measurement.speak(takes, config.pool.take_timeout_s))
            return measured


def _print(
    measured: Sequence[Level], proposal: Proposal, config: Config, share: DeviceShare, gpus: Sequence[Gpu]
) -> None:
    has_nvml = any(level.nvml_gb is not None for level in measured)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    own = "Peak (torch)" if share.total_gb else "Peak memory"
    for heading in ("Takes at once", own, *(["Peak (NVML)"] if has_nvml else []), "Failed takes"):
        table.add_column(heading, justify="right")
    for level in measured:
        nvml = [f"{level.nvml_gb:.2f} GB" if level.nvml_gb is not None else "–"] if has_nvml else []
        table.add_row(str(level.takes), f"{level.own_gb:.2f} GB", *nvml, str(level.failed or "–"))
    out = console()
    out.print(table)
    now = getattr(config.pool, proposal.key)
    out.print(f"\n{proposal.key} = {proposal.gb:g} (now {now:g})")
    gpu = next((gpu for gpu in gpus if share.device.id == f"gpu:{gpu.index}"), None)
    if gpu is not None and share.total_gb:
        room = room_for(available_on(gpu, config.pool.usable_fraction), proposal.gb)
        out.print(f"This gives {share.device.label} room for {count(room, 'worker')}.")


def _write(path: Path, proposal: Proposal) -> None:
    """Set the one key in place; where that fails, rewrite the file and keep the old one beside it."""
    target = path.resolve()
    try:
        old = target.read_bytes().decode("utf-8-sig")
        new = set_number(old, "pool", proposal.key, proposal.gb)
        if new is None:
            new = set_number_and_rewrite(old, "pool", proposal.key, proposal.gb)
            backup = target.with_name(f"{target.name}.bak")
            backup.write_bytes(target.read_bytes())
            print_message(f"{path}: the comments could not be kept; the old file is {backup.name}")
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(new.encode())
        part.chmod(target.stat().st_mode & 0o7777)
        part.replace(target)
    except FileNotFoundError as error:
        raise CommandError(f"{path}: does not exist; `fishd init DIR` writes one") from error
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}", EXIT_FAILED) from error
    print_message(f"{path}: pool.{proposal.key} = {proposal.gb:g}; a running daemon reloads it")
    if proposal.key == "model_memory_gb" and os.environ.get("FISH_MODEL_MEMORY_GB"):
        print_message("FISH_MODEL_MEMORY_GB is set and overrides the file")
