"""`fishd calibrate`: load one worker, have it speak more and more takes at once, and see what it holds."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from fishd.cli.locate import load
from fishd.cli.output import WELL, CommandError, console, say
from fishd.cli.single_worker import SingleWorker, WorkerLost
from fishd.core.config.config import Config
from fishd.core.config.edit import set_number, set_number_anyhow
from fishd.core.sizing.calibration import Level, Proposal, levels, propose
from fishd.core.sizing.model import DeviceShare, Gpu
from fishd.core.sizing.plan import available_on, room_for
from fishd.daemon.pool_plan import Deployment, plan_deployment
from fishd.host.gpus import detect_gpus
from fishd.host.nvml import NvmlLibrary


def calibrate(path: Path | None, *, write: bool) -> int:
    """Measure, print what was found and what follows from it, and write that down if asked to."""
    config = load(path)
    nvml = NvmlLibrary()
    found = detect_gpus(nvml, os.environ)
    hiring = plan_deployment(config, found, os.environ, config.spool.root.absolute() / ".cache")
    share = next(share for share in hiring.plan.shares if share.workers)
    say(f"loading one worker of {hiring.engine} on {share.device.label} ({share.device.name})")
    try:
        measured = asyncio.run(_measure(config, hiring, share, nvml))
    except WorkerLost as error:
        raise CommandError(f"{share.device.label}: the worker ended: {error}", 1) from error
    proposal = propose(measured, on_gpu=share.total_gb > 0)
    _print(measured, proposal, config, share, found.gpus)
    if write:
        _write(config.source, proposal)
    return WELL


async def _measure(config: Config, hiring: Deployment, share: DeviceShare, nvml: NvmlLibrary) -> list[Level]:
    index = int(share.device.id.partition(":")[2] or -1)
    read = (lambda: nvml.read(index)) if share.total_gb else None
    with tempfile.TemporaryDirectory(prefix="fishd-calibrate-") as folder:
        async with SingleWorker(hiring, share.device.id, Path(folder), read) as worker:
            slots = await worker.ready(config.pool.start_timeout_s)
            measured: list[Level] = []
            for takes in levels(slots):
                say(f"{takes} of {slots} takes at once")
                measured.append(await worker.speak(takes, config.pool.take_timeout_s))
            return measured


def _print(
    measured: Sequence[Level], proposal: Proposal, config: Config, share: DeviceShare, cards: Sequence[Gpu]
) -> None:
    has_nvml = any(level.nvml_gb is not None for level in measured)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, caption="Peaks in GB")
    own = "By torch" if share.total_gb else "Resident"
    for heading in ("Takes at once", own, *(["By NVML"] if has_nvml else []), "Failed"):
        table.add_column(heading, justify="right")
    for level in measured:
        seen = [f"{level.nvml_gb:.2f}" if level.nvml_gb is not None else "–"] if has_nvml else []
        table.add_row(str(level.takes), f"{level.own_gb:.2f}", *seen, str(level.failed or "–"))
    out = console()
    out.print(table)
    now = getattr(config.pool, proposal.key)
    out.print(f"{proposal.key} = {proposal.gb:g} (now {now:g})")
    card = next((card for card in cards if share.device.id == f"gpu:{card.index}"), None)
    if card is not None and share.total_gb:
        room = room_for(available_on(card, config.pool.usable_fraction), proposal.gb)
        out.print(
            f"With it {share.device.label} has room for {room} workers; the engine sizes its slots anew."
        )


def _write(path: Path, proposal: Proposal) -> None:
    """One key, in place; where that cannot be, the whole file, and the old one is kept beside it."""
    target = path.resolve()
    try:
        old = target.read_bytes().decode("utf-8-sig")
        new = set_number(old, "pool", proposal.key, proposal.gb)
        if new is None:
            new = set_number_anyhow(old, "pool", proposal.key, proposal.gb)
            backup = target.with_name(f"{target.name}.bak")
            backup.write_bytes(target.read_bytes())
            say(f"{path}: its comments could not be kept; as it was, it is {backup.name}")
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(new.encode())
        part.chmod(target.stat().st_mode & 0o7777)
        part.replace(target)
    except FileNotFoundError as error:
        raise CommandError(f"{path}: is not there; `fishd init DIR` writes one") from error
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}", 1) from error
    say(f"{path}: pool.{proposal.key} is {proposal.gb:g} now; a running daemon takes it over")
    if proposal.key == "model_memory_gb" and os.environ.get("FISH_MODEL_MEMORY_GB"):
        say("FISH_MODEL_MEMORY_GB is set, and wins over the file")
