"""`fishd plan`: how many workers the machine, or described cards, would get."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from fishd.cli.locate import load
from fishd.cli.output import WELL, CommandError, console, say
from fishd.core.config.keys import RULES
from fishd.core.sizing.model import Gpu
from fishd.core.sizing.plan import plan_for, plan_workers
from fishd.host.cores import usable_cores
from fishd.host.gpus import detect_gpus, mps_runs
from fishd.host.nvml import NvmlLibrary
from fishd.view.plan import BadSpec, parse_gpu_specs, print_plan


def show_plan(specs: list[str], model_memory_gb: float | None, path: Path | None) -> int:
    """Print the sizing's log lines, its table and the advice."""
    config = load(path)
    if model_memory_gb is not None:
        budget_gb = _budget(model_memory_gb)
        config = replace(config, pool=replace(config.pool, model_memory_gb=budget_gb))
    out = console()
    if specs:
        cards = _described(specs)
        print_plan(out, plan_workers(cards, config.pool, usable_cores()), cards)
        return WELL
    found = detect_gpus(NvmlLibrary(), os.environ)
    for remark in found.remarks:
        say(remark)
    print_plan(out, plan_for(config, found.gpus, usable_cores(), mps=mps_runs(os.environ)), found.gpus)
    return WELL


def _budget(said_gb: float) -> float:
    """As the configuration would take it."""
    rule = RULES["pool"]["model_memory_gb"]
    try:
        rule.keep(said_gb)
    except ValueError as error:
        raise CommandError(f"--model-memory {rule.refusal(said_gb)}") from error
    return said_gb


def _described(specs: list[str]) -> list[Gpu]:
    try:
        return parse_gpu_specs(specs)
    except BadSpec as error:
        raise CommandError(error) from error
