"""What `fishd doctor` looks at, in the order in which one thing needs the other."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from fishd import __version__
from fishd.cli.doctor.findings import Finding, fault, good, odd
from fishd.cli.doctor.spool_checks import examine_spool
from fishd.cli.locate import daemon_pid
from fishd.cli.preflight import ask
from fishd.core.config.config import BadConfig, Config, resolve_engine
from fishd.core.text.humanize import count, gigabytes
from fishd.daemon.pool_plan import Deployment, plan_deployment
from fishd.host.config_file import load_config
from fishd.host.gpus import detect_gpus
from fishd.host.nvml import NvmlLibrary
from fishd.wire.messages import Ready, WorkerFault

LOAD_LIMIT_S = 600.0


def examine(path: Path | None, say: Callable[[str], None]) -> Iterator[Finding]:
    """Everything; without a configuration, what comes before it."""
    yield good(
        "fishd",
        f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()}",
    )
    try:
        config = load_config(path, os.environ)
    except BadConfig as error:
        for each in error.faults:
            yield fault("Configuration", str(each), "mend the file; `fishd check --config FILE` looks again")
        return
    yield _configuration(config)
    yield from examine_spool(config)
    hiring = plan_deployment(
        config, detect_gpus(NvmlLibrary(), os.environ), os.environ, config.spool.root.absolute() / ".cache"
    )
    yield from _gpus(hiring)
    model = list(_checkpoint(config, say))
    yield from model
    if not any(finding.is_a == "fault" for finding in model):  # else the engine would only say the same
        yield _engine(config, hiring, say)


def _configuration(config: Config) -> Finding:
    if config.source.exists():
        return good("Configuration", str(config.source))
    return good(
        "Configuration", f"{config.source} is not there: the defaults serve (`fishd init` writes one)"
    )


def _gpus(hiring: Deployment) -> Iterator[Finding]:
    for card in hiring.gpus:
        memory = f"{gigabytes(card.total_gb)}, {gigabytes(card.free_gb)} free"
        yield good("GPU", f"GPU {card.index}: {card.name}, {memory}")
    remarks = "; ".join(hiring.remarks) or "none"
    if hiring.gpus and hiring.remarks:
        yield odd("GPU", remarks)
    elif not hiring.gpus and hiring.engine == "fish":
        yield odd("GPU", remarks, "fish works on a CPU too, but much slower than people speak")
    elif not hiring.gpus:
        yield good("GPU", remarks)


class _Line(msgspec.Struct, frozen=True):
    """What `python -m fishd.engines.fish.doctor` prints, a line a finding."""

    name: str
    ok: bool
    detail: str = ""
    mend: str = ""


def _checkpoint(config: Config, say: Callable[[str], None]) -> Iterator[Finding]:
    """The engine's own look at its model's folder."""
    if resolve_engine(config)[0] != "fish":
        return
    say(f"looking at {config.engine.checkpoint} …")
    command = [sys.executable, "-m", "fishd.engines.fish.doctor", str(config.engine.checkpoint or "")]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=LOAD_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        yield fault("Checkpoint", f"was not read in {LOAD_LIMIT_S:.0f} s", "is it on a disk that answers?")
        return
    try:
        found = [msgspec.json.decode(line, type=_Line) for line in ended.stdout.splitlines() if line.strip()]
    except msgspec.MsgspecError as error:
        yield fault("Checkpoint", f"its doctor's words cannot be read: {error}")
        return
    parts = {line: line.name.removeprefix("fish: ") for line in found}
    fine = [f"{part} {line.detail}".strip() for line, part in parts.items() if line.ok]
    if fine:
        yield good("Fish", "; ".join(fine))
    for line, part in parts.items():
        if not line.ok:
            yield fault(f"{part[:1].upper()}{part[1:]}", line.detail, line.mend)
    if not found:
        last = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        yield fault("Checkpoint", f"its doctor failed: {last[0]}", "make install-fish")


def _engine(config: Config, hiring: Deployment, say: Callable[[str], None]) -> Finding:
    """Load it as a worker would, unless a daemon has it loaded: there may be no room for another."""
    name = hiring.engine
    if pid := daemon_pid(config.spool.root):
        return good("Engine", f"{name}: loaded by the daemon (process {pid}); see `fishd status`")
    say(f"loading the {name} engine …")
    share = next(share for share in hiring.plan.shares if share.workers)
    load = hiring.load(0, share.device.id)
    answers = ask(hiring.factory, [load], share.device.env, LOAD_LIMIT_S)
    match answers.given:
        case (Ready() as ready,):
            slots = f"{ready.slots} takes at once" if ready.slots > 1 else "one take at a time"
            where = (
                f"on {share.device.label}, {slots}, {ready.sample_rate} Hz, loaded in {ready.load_s:.1f} s"
            )
            workers = f"{count(hiring.plan.total, 'worker')} planned"
            return good("Engine", "; ".join((f"{ready.engine} {where}", workers, *ready.notes)))
        case (WorkerFault() as told,):
            return fault("Engine", f"{name}: {told.reason}", _mend(name, told))
        case _:
            return fault("Engine", f"{name}: its process did not live through the loading: {answers.end}")


def _mend(name: str, told: WorkerFault) -> str:
    if told.kind == "out of memory":
        return "close what else uses the GPU (`nvidia-smi`), or give a worker less or more: docs/hardware.md"
    if name == "fish":
        return "make install-fish, and see engine.checkpoint"
    return "see engine.name and engine.options in the configuration"
