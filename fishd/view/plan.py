"""`fishd plan`: the log lines of a plan, a table and advice; for present or described GPUs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.text import Text

from fishd.core.sizing.model import SMALL_GPU_GB, DeviceShare, Gpu, SizingPlan
from fishd.core.sizing.plan_text import floor_gb
from fishd.view.layout import DIM, GOOD, NEXT, ODD, Cell, Column, hanging, heading, table

_LEAST_GB = 5.0  # S1-mini's weights take 1.7, its codec 1.9, CUDA and one take the rest
_SPEC = re.compile(r"\s*(?:(\d+)\s*[x×*]\s*)?(.*\S)\s*:\s*(\S+?)\s*(?:GB|GiB|G)?\s*", re.IGNORECASE)
_MOST_ALIKE = 64  # GPUs in one description
_COLUMNS = (
    Column("GPU"),
    Column("Memory", right=True),
    Column("Free", right=True),
    Column("Usable", right=True),
    Column("Workers", right=True),
    Column("Planned use", right=True),
)


class BadSpec(ValueError):  # noqa: N818 - whose fault it is
    """The user described a GPU other than as NAME:GB."""


def parse_gpu_specs(specs: Sequence[str]) -> list[Gpu]:
    """GPUs from descriptions such as "RTX 4090:24" or "2x RTX 4090:24", numbered from 0; raises BadSpec."""
    described = [gpu for spec in specs for gpu in _described(spec)]
    return [Gpu(index, gpu.name, gpu.total_gb, gpu.free_gb) for index, gpu in enumerate(described)]


def parse_gpu_spec(spec: str, index: int = 0) -> Gpu:
    """One GPU, "NAME:GB", with all of its memory free; raises BadSpec."""
    split = _SPEC.fullmatch(spec)
    if split is None or split[1]:
        raise BadSpec(f'"{spec}" does not describe a GPU; write NAME:GB, such as "RTX 4090:24"')
    try:
        total_gb = float(split[3])
    except ValueError:
        total_gb = 0.0
    if not 0.5 <= total_gb <= 4096:
        raise BadSpec(
            f'"{spec}": its memory is "{split[3]}"; must be a number of GB, such as "{split[2]}:24"'
        )
    return Gpu(index, split[2], total_gb, total_gb)


def print_plan(console: Console, plan: SizingPlan, gpus: Iterable[Gpu] = ()) -> None:
    """The log lines, unwrapped; then a table of the GPUs, the warnings and the advice."""
    for line in plan.lines:
        console.print(Text(line), soft_wrap=True)
    console.print(_Explained(plan, {gpu.device: gpu.free_gb for gpu in gpus}), crop=False, end="")


def advice(plan: SizingPlan) -> Iterator[str]:
    """What else to try, in the sense of docs/hardware.md."""
    shares = [share for share in plan.shares if share.total_gb]
    if plan.is_remote:
        yield "Each worker keeps engine.options.concurrency requests at the server: docs/servers.md."
        return
    if not shares:
        yield "On a CPU, preview runs one worker per core; fish runs best as one worker with a large batch."
        return
    for alike in _alike(shares):
        yield from _advice_for(alike, is_single=len(shares) == 1)
    yield "docs/hardware.md has settings for each kind of GPU, and help with problems."


class _Explained:
    def __init__(self, plan: SizingPlan, free_gb: Mapping[str, float]) -> None:
        self._plan = plan
        self._free_gb = free_gb

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        plan = self._plan
        if any(share.total_gb for share in plan.shares):
            yield from _table(plan.shares, self._free_gb)
        yield Segment("\n")
        for warning in plan.warnings:
            yield from hanging(Cell("!", ODD), Text(warning), console)
        for line in advice(plan):
            yield from hanging(Cell("→", NEXT), Text(line), console)


def _described(spec: str) -> list[Gpu]:
    split = _SPEC.fullmatch(spec)
    if split is None or not split[1]:
        return [parse_gpu_spec(spec)]
    return [parse_gpu_spec(spec[split.start(2) :])] * min(int(split[1]), _MOST_ALIKE)


def _table(shares: Sequence[DeviceShare], free_gb: Mapping[str, float]) -> Iterator[Segment]:
    rows = [_row(share, free_gb.get(share.device.id)) for share in shares]
    yield from heading(f"Memory in GB, {shares[0].budget_gb:g} for each worker")
    yield from table(_COLUMNS, rows)


def _row(share: DeviceShare, free_gb: float | None) -> tuple[Cell, ...]:
    used_gb = share.workers * share.budget_gb
    return (
        Cell(f"{share.device.label} {share.device.name.removeprefix('NVIDIA ')}"),
        Cell(f"{share.total_gb:.1f}"),
        Cell("–", DIM) if free_gb is None else Cell(f"{free_gb:.1f}"),
        Cell(f"{share.available_gb:.1f}"),
        Cell(f"{share.workers}", GOOD if share.workers else DIM),
        Cell(f"{used_gb:.1f} ({used_gb / share.total_gb:.0%})"),
    )


def _alike(shares: Sequence[DeviceShare]) -> list[list[DeviceShare]]:
    """GPUs that get the same advice, together."""
    groups: dict[tuple[object, ...], list[DeviceShare]] = {}
    for share in shares:
        key = (share.workers, share.room, floor_gb(share.available_gb))
        groups.setdefault(key, []).append(share)
    return list(groups.values())


def _advice_for(alike: Sequence[DeviceShare], *, is_single: bool) -> Iterator[str]:
    """Nothing where the number of workers is not the heuristic's: a line or a warning explains that."""
    share = alike[0]
    if share.workers != share.room:
        return
    gpus = ", ".join(each.device.label for each in alike)
    whole, one_more = floor_gb(share.available_gb), floor_gb(share.available_gb / (share.room + 1))
    if one_more >= _LEAST_GB:
        if_true = " with multiprocess = true" if is_single and share.total_gb < SMALL_GPU_GB else ""
        yield (
            f"{gpus}: model_memory_gb = {one_more:g}{if_true} gives {share.room + 1} workers, each with room "
            "for fewer takes at once."
        )
    if share.workers > 1:
        yield (
            f"{gpus}: model_memory_gb = {whole:g} gives one worker the whole GPU, and a larger batch. Try "
            "that first, and compare on your own lines; several workers on a GPU need MPS."
        )
    elif share.workers and whole > share.budget_gb:
        yield f"{gpus}: model_memory_gb = {whole:g} gives the worker the whole GPU, and a larger batch."
