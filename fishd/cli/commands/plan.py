"""`fishd plan`: how many workers this machine, or described GPUs, would run."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fishd.cli.locate import read_config
from fishd.cli.output import EXIT_FAILED, EXIT_OK, CommandError, console, print_error, print_message
from fishd.cluster.ray_pool import find_nodes
from fishd.core.config.config import Config
from fishd.core.config.keys import RULES
from fishd.core.sizing.model import Gpu
from fishd.core.sizing.nodes import plan_nodes
from fishd.core.sizing.plan import plan_for, plan_workers
from fishd.host.cores import usable_cores
from fishd.host.gpus import detect_gpus, mps_runs
from fishd.host.nvml import NvmlLibrary
from fishd.view.plan import BadSpec, parse_gpu_specs, print_plan


def show_plan(specs: list[str], model_memory_gb: float | None, path: Path | None) -> int:
    """Print the sizing as the daemon logs it, as a table, and with advice; the exit code."""
    config = read_config(path)
    if model_memory_gb is not None:
        pool = replace(config.pool, model_memory_gb=_check_budget(model_memory_gb))
        config = replace(config, pool=pool)
    out = console()
    if specs:
        gpus = _parse(specs)
        print_plan(out, plan_workers(gpus, config.pool, usable_cores()), gpus)
        return EXIT_OK
    if config.pool.backend == "ray":
        return _show_cluster(config, out)
    found = detect_gpus(NvmlLibrary(), os.environ)
    for remark in found.remarks:
        print_message(remark)
    print_plan(out, plan_for(config, found.gpus, usable_cores(), mps=mps_runs(os.environ)), found.gpus)
    return EXIT_OK


def _show_cluster(config: Config, out: Console) -> int:
    """The same for the nodes that Ray finds, after the faults of the others."""
    found = asyncio.run(find_nodes(config))
    for fault in found.faults:
        print_error(fault)
    if not found.nodes:
        return EXIT_FAILED
    print_plan(out, plan_nodes(config, found.nodes), found.gpus)
    return EXIT_OK


def _check_budget(budget_gb: float) -> float:
    """The budget, if the configuration would accept it too."""
    try:
        RULES["pool"]["model_memory_gb"].keep(budget_gb)
    except ValueError as error:
        raise CommandError(f"--model-memory {error}") from error
    return budget_gb


def _parse(specs: list[str]) -> list[Gpu]:
    try:
        return parse_gpu_specs(specs)
    except BadSpec as error:
        raise CommandError(error) from error
