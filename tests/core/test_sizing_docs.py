"""The tables of docs/hardware.md, in both languages, match the sizing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fishd.core.config.config import PoolConfig
from fishd.core.sizing.plan import plan_workers
from fishd.view.plan import parse_gpu_specs

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(
    r"\| (?:(\d) × )?(\S[^|]*?)[,，] ?(\d+) GB \| (\S+) \| ([\d.]+) \| (auto|true) \| ([\d +]+?) "
    r"\| ([\d.]+) (?:of|/) (\d+) GB \|"
)


def settings(page: str) -> list[tuple[str, ...]]:
    return ROW.findall((DOCS / page).read_text("utf-8"))


SETTINGS = settings("hardware.md")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: f"{setting[0]}{setting[1]}-{setting[3]}")
def test_each_setting_gives_the_documented_workers_and_memory(setting: tuple[str, ...]) -> None:
    """Without a warning."""
    num_gpus, name, gpu_gb, _, model_memory_gb, multiprocess, workers, used_gb, total_gb = setting
    gpus = parse_gpu_specs([f"{num_gpus or 1}x {name}:{gpu_gb}"])
    pool = PoolConfig(
        model_memory_gb=float(model_memory_gb), multiprocess=True if multiprocess == "true" else "auto"
    )
    plan = plan_workers(gpus, pool, 8)

    assert [int(count) for count in workers.split("+")] == list(plan.workers.values())
    assert float(used_gb) == pytest.approx(plan.total * pool.model_memory_gb)
    assert float(total_gb) == sum(gpu.total_gb for gpu in gpus)
    assert () == plan.warnings


def test_the_page_has_every_gpu_alone_and_in_a_pair() -> None:
    """RTX 4090/3090, 4080, 3060 and A100/H100, each with a conservative and an aggressive setting."""
    named = {(count, name, setting) for count, name, _, setting, *_ in SETTINGS}

    assert {
        (count, name, setting)
        for count in ("", "2")
        for name in ("RTX 4090 or 3090", "RTX 4080", "RTX 3060", "A100 or H100")
        for setting in ("conservative", "aggressive")
    } <= named


def test_the_chinese_page_has_the_same_figures() -> None:
    """Neither page may be changed alone."""
    translations = {"或": "or", "保守": "conservative", "激进": "aggressive", "批处理": "batching"}
    translated = []
    for row in settings("hardware.zh.md"):
        cells = list(row)
        for chinese, english in translations.items():
            cells = [cell.replace(chinese, english) for cell in cells]
        translated.append(tuple(cells))

    assert SETTINGS == translated
