"""What `fishd doctor` checks, each thing after those that it needs."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from fishd import __version__
from fishd.cli.doctor.cluster_checks import check_cluster
from fishd.cli.doctor.delivery_checks import check_delivery
from fishd.cli.doctor.spool_checks import check_spool
from fishd.cli.findings import FAULT, OK, WARNING, Finding
from fishd.cli.locate import daemon_pid, engine_cache
from fishd.cli.single_worker import SingleWorker, WorkerLost
from fishd.core.config.config import BadConfig, Config, resolve_engine
from fishd.core.text.humanize import count, gigabytes
from fishd.daemon.pool_plan import Deployment, plan_deployment
from fishd.host.config_file import load_config
from fishd.host.gpus import detect_gpus
from fishd.host.nvml import NvmlLibrary
from fishd.wire.messages import Load, Ready

LOAD_LIMIT_S = 600.0


def check_all(path: Path | None, progress: Callable[[str], None]) -> Iterator[Finding]:
    """All findings. `progress` is called with a line before a check that takes long."""
    versions = f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    yield Finding(OK, versions, "fishd")
    try:
        config = load_config(path, os.environ)
    except BadConfig as error:
        fix = "fix the file; `fishd check --config FILE` checks it again"
        yield from (Finding(FAULT, str(fault), "Configuration", fix) for fault in error.faults)
        return
    yield _check_configuration(config)
    yield from check_spool(config)
    yield from check_delivery(config, progress)
    if config.pool.backend == "ray":  # GPUs, checkpoint and engine are the nodes'
        yield from check_cluster(config, progress)
        return
    with engine_cache(config) as cache:
        deployment = plan_deployment(config, detect_gpus(NvmlLibrary(), os.environ), os.environ, cache)
        yield from _check_gpus(deployment)
        checkpoint = list(_check_checkpoint(config, progress))
        yield from checkpoint
        if not any(finding.mark == FAULT for finding in checkpoint):  # the engine would fail for the same
            yield _check_engine(config, deployment, progress)


def _check_configuration(config: Config) -> Finding:
    if config.source.exists():
        return Finding(OK, str(config.source), "Configuration")
    text = f"{config.source} does not exist; defaults are used (`fishd init` writes one)"
    return Finding(OK, text, "Configuration")


def _check_gpus(deployment: Deployment) -> Iterator[Finding]:
    for gpu in deployment.gpus:
        memory = f"{gigabytes(gpu.total_gb)}, {gigabytes(gpu.free_gb)} free"
        yield Finding(OK, f"GPU {gpu.index}: {gpu.name}, {memory}", "GPU")
    remarks = "; ".join(deployment.remarks)
    if deployment.gpus:
        if remarks:
            yield Finding(WARNING, remarks, "GPU")
    elif deployment.engine == "fish":
        fix = "fish runs on a CPU, but far slower than real time"
        yield Finding(WARNING, remarks or "none", "GPU", fix)
    else:
        yield Finding(OK, remarks or "none", "GPU")


class _CheckpointLine(msgspec.Struct, frozen=True):
    """What `python -m fishd.engines.fish.doctor` prints, one line for each check."""

    name: str
    ok: bool
    detail: str = ""
    fix: str = ""


def _check_checkpoint(config: Config, progress: Callable[[str], None]) -> Iterator[Finding]:
    """The fish engine checks its packages and its model's folder in a process of its own."""
    if resolve_engine(config)[0] != "fish":
        return
    progress(f"checking {config.engine.checkpoint}")
    command = [sys.executable, "-m", "fishd.engines.fish.doctor", str(config.engine.checkpoint or "")]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=LOAD_LIMIT_S, check=False)
        lines = [
            msgspec.json.decode(line, type=_CheckpointLine)
            for line in ended.stdout.splitlines()
            if line.strip()
        ]
    except subprocess.TimeoutExpired:
        text = f"could not be read within {LOAD_LIMIT_S:.0f} s"
        yield Finding(FAULT, text, "Checkpoint", "check the disk that it is on")
        return
    except msgspec.MsgspecError as error:
        yield Finding(FAULT, f"its check printed what is not JSON: {error}", "Checkpoint")
        return
    if not lines:
        last = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no output"]
        yield Finding(FAULT, f"its check failed: {last[0]}", "Checkpoint", "make install-fish")
    parts = {line: line.name.removeprefix("fish: ") for line in lines}
    if passed := [f"{part} {line.detail}".strip() for line, part in parts.items() if line.ok]:
        yield Finding(OK, "; ".join(passed), "Fish")
    for line, part in parts.items():
        if not line.ok:
            yield Finding(FAULT, line.detail, f"{part[:1].upper()}{part[1:]}", line.fix)


def _check_engine(config: Config, deployment: Deployment, progress: Callable[[str], None]) -> Finding:
    """Load it as a worker would, unless a daemon runs: there may be no memory for another."""
    name = deployment.engine
    if (pid := daemon_pid(config.spool.root)) is not None:
        return Finding(OK, f"{name}: in use by the daemon (process {pid}); see `fishd status`", "Engine")
    progress(f"loading the {name} engine")
    share = next(share for share in deployment.plan.shares if share.workers)
    try:
        ready = asyncio.run(_load(deployment.load(0, share.device.id), share.device.env))
    except WorkerLost as error:
        return Finding(FAULT, f"{name}: cannot be loaded: {error}", "Engine", _fix(name, error.kind))
    slots = f"{ready.slots} takes at once" if ready.slots > 1 else "one take at a time"
    where = f"on {share.device.label}, {slots}, {ready.sample_rate} Hz, loaded in {ready.load_s:.1f} s"
    workers = f"{count(deployment.plan.total, 'worker')} planned"
    return Finding(OK, "; ".join((f"{ready.engine} {where}", workers, *ready.notes)), "Engine")


async def _load(load: Load, env: Mapping[str, str]) -> Ready:
    async with SingleWorker(env) as worker:
        return await worker.ask(load, Ready, LOAD_LIMIT_S)


def _fix(engine: str, kind: str) -> str:
    if kind == "out of memory":
        return "close what else uses the GPU (`nvidia-smi`), or change model_memory_gb: docs/hardware.md"
    if engine == "fish":
        return "run `make install-fish`, and check engine.checkpoint"
    if engine == "openai":
        return "check the server, and engine.options in the configuration: docs/servers.md"
    return "check engine.name and engine.options in the configuration"
