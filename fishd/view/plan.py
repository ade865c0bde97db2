"""`fishd plan`: the sizing as the log says it, as a table, and with advice; for described cards as well."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from fishd.core.sizing.model import SMALL_GPU_GB, Gpu
from fishd.core.sizing.plan_text import count, floor_gb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from fishd.core.sizing.model import DeviceShare, SizingPlan

_LEAST_GB = 5.0  # S1-mini's weights 1.7, its codec 1.9, CUDA and room to work: less is not worth proposing
_SPEC = re.compile(r"\s*(?:(\d+)\s*[x×*]\s*)?(.*\S)\s*:\s*(\S+?)\s*(?:GB|GiB|G)?\s*", re.IGNORECASE)


class BadSpec(ValueError):  # noqa: N818 - the user's slip, in words
    """A card that is not described as NAME:GB."""


def parse_gpu_specs(specs: Sequence[str]) -> list[Gpu]:
    """Cards from descriptions such as "RTX 4090:24" or "2x RTX 4090:24", numbered from 0; raises BadSpec."""
    described = [card for spec in specs for card in _described(spec)]
    return [Gpu(index, card.name, card.total_gb, card.free_gb) for index, card in enumerate(described)]


def parse_gpu_spec(spec: str, index: int = 0) -> Gpu:
    """One card, "NAME:GB", with all of its memory free; raises BadSpec."""
    split = _SPEC.fullmatch(spec)
    if split is None or split[1]:
        raise BadSpec(f'"{spec}" does not describe a card; write NAME:GB, such as "RTX 4090:24"')
    try:
        total_gb = float(split[3])
    except ValueError:
        total_gb = 0.0
    if not 0.5 <= total_gb <= 4096:
        raise BadSpec(
            f'"{spec}": its memory is "{split[3]}"; must be a number of GB, such as "{split[2]}:24"'
        )
    return Gpu(index, split[2], total_gb, total_gb)


def print_plan(console: Console, plan: SizingPlan, cards: Sequence[Gpu] = ()) -> None:
    """The log lines, exactly and unwrapped, then what `render_plan` adds."""
    for line in plan.lines:
        console.print(Text(line), soft_wrap=True)
    console.print(render_plan(plan, cards))


def render_plan(plan: SizingPlan, cards: Sequence[Gpu] = ()) -> RenderableType:
    """A table of the cards, the warnings and the advice. `cards` are for what is free of each now."""
    parts: list[RenderableType] = [Text()]
    if any(share.total_gb for share in plan.shares):
        parts += [_table(plan.shares, {f"gpu:{card.index}": card for card in cards}), Text()]
    parts += [_bullet("!", warning, "yellow") for warning in plan.warnings]
    parts += [_bullet("→", line, "cyan") for line in advice(plan)]
    return Group(*parts)


def advice(plan: SizingPlan) -> Iterator[str]:
    """What docs/hardware.md would say to this plan."""
    gpus = [share for share in plan.shares if share.total_gb]
    if not gpus:
        yield "On a CPU, preview runs one worker a core; fish runs best as one worker with a large batch."
        return
    for alike in _alike(gpus):
        yield from _advice_for(alike, only_one=len(gpus) == 1)
    yield "docs/hardware.md has settings card by card, and what to do when something is wrong."


def _described(spec: str) -> list[Gpu]:
    split = _SPEC.fullmatch(spec)
    if split is None or not split[1]:
        return [parse_gpu_spec(spec)]
    return [parse_gpu_spec(spec[split.start(2) :])] * min(int(split[1]), 64)


def _table(shares: Sequence[DeviceShare], cards: dict[str, Gpu]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, caption="Memory in GB")
    for heading in ("Device", "Card"):
        table.add_column(heading)
    show_free = any(card.free_gb < card.total_gb for card in cards.values())
    for heading in (
        "Memory",
        *(["Free now"] if show_free else []),
        "Usable",
        "Budget",
        "Workers",
        "Expected use",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for share in shares:
        card = cards.get(share.device.id)
        free = [f"{card.free_gb:.1f}" if card else "–"] if show_free else []
        used_gb = share.workers * share.budget_gb
        table.add_row(
            share.device.label,
            share.device.name,
            f"{share.total_gb:.1f}",
            *free,
            f"{share.available_gb:.1f}",
            f"{share.budget_gb:g}",
            Text(str(share.workers), style="bold green" if share.workers else "dim"),
            f"{used_gb:.1f} ({used_gb / share.total_gb:.0%})",
        )
    return table


def _alike(shares: Sequence[DeviceShare]) -> list[list[DeviceShare]]:
    """Cards that get the same advice, together."""
    groups: dict[tuple[object, ...], list[DeviceShare]] = {}
    for share in shares:
        alike = (share.workers, share.room, floor_gb(share.available_gb))
        groups.setdefault(alike, []).append(share)
    return list(groups.values())


def _advice_for(alike: Sequence[DeviceShare], *, only_one: bool) -> Iterator[str]:
    share = alike[0]
    if_true = " with multiprocess = true" if only_one and share.total_gb < SMALL_GPU_GB else ""
    cards = ", ".join(each.device.label for each in alike)
    whole, one_more = floor_gb(share.available_gb), floor_gb(share.available_gb / (share.room + 1))
    if share.workers > share.room:
        return  # the plan's warnings have said it
    if share.workers < share.room:
        yield f"{cards}: room for {count(share.room, 'worker')}; multiprocess = true uses it."
    elif one_more >= _LEAST_GB:
        yield (
            f"{cards}: more workers: model_memory_gb = {one_more:g} gives {share.room + 1}{if_true}, "
            "each with room for fewer takes at once."
        )
    if share.workers > 1:
        yield (
            f"{cards}: batching first, processes second: model_memory_gb = {whole:g} gives one worker "
            "the whole card. Compare the two on your lines; several workers on a card want MPS."
        )
    elif share.workers and whole > share.budget_gb:
        yield f"{cards}: more takes at once: model_memory_gb = {whole:g} gives the worker the whole card."


def _bullet(mark: str, line: str, style: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(mark, style=style), Text(line))
    return grid
