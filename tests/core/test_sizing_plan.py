"""`fishd plan`: cards described by hand, the table and the advice."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fishd.core.config.config import PoolConfig
from fishd.core.sizing.model import Gpu
from fishd.core.sizing.plan import plan_workers
from fishd.view.plan import BadSpec, advice, parse_gpu_spec, parse_gpu_specs, print_plan


def shown(*specs: str, width: int = 80, **pool: object) -> list[str]:
    cards = parse_gpu_specs(specs)
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_plan(console, plan_workers(cards, PoolConfig(**pool), 8), cards)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("spec", "name", "total_gb"),
    [
        ("RTX 4090:24", "RTX 4090", 24.0),
        (" RTX 4090 : 24 GB ", "RTX 4090", 24.0),
        ("H100:79.65", "H100", 79.65),
        ("A100: MIG:20g", "A100: MIG", 20.0),
    ],
)
def test_a_card_is_a_name_and_gigabytes(spec: str, name: str, total_gb: float) -> None:
    """All of its memory counts as free."""
    assert Gpu(0, name, total_gb, total_gb) == parse_gpu_spec(spec)


@pytest.mark.parametrize("spec", ["", "RTX 4090", "RTX 4090:", ":24", "24"])
def test_what_is_no_card_is_told_by_example(spec: str) -> None:
    """The fault shows how to write one."""
    with pytest.raises(BadSpec, match='does not describe a card; write NAME:GB, such as "RTX 4090:24"'):
        parse_gpu_spec(spec)


@pytest.mark.parametrize("memory", ["abc", "0", "-3", "inf", "nan", "99999"])
def test_memory_that_is_no_number_of_gb_is_refused(memory: str) -> None:
    """The fault names the memory, not just the card."""
    with pytest.raises(BadSpec, match=f'"x:{memory}": its memory is "{memory}"; must be a number of GB'):
        parse_gpu_spec(f"x:{memory}")


def test_several_cards_are_numbered_and_may_be_multiplied() -> None:
    """`--gpu "2x RTX 4090:24"` is two cards."""
    cards = parse_gpu_specs(["2x RTX 4090:24", "RTX 3060:12"])

    assert [(0, "RTX 4090", 24.0), (1, "RTX 4090", 24.0), (2, "RTX 3060", 12.0)] == [
        (card.index, card.name, card.total_gb) for card in cards
    ]


def test_the_plan_is_printed_as_lines_table_and_advice() -> None:
    """The issue's example, on an 80-column terminal."""
    assert [
        "[GPU 0] RTX 4090, Total Memory: 24.00 GB",
        "[GPU 0] Can run 3 workers (Available: 21.60 GB)",
        "[Main] Using 3 parallel workers across 1 GPU(s)",
        "[Main] GPU 0: 3 workers",
        "",
        "Device   Card       Memory   Usable   Budget   Workers   Expected use",
        "─────────────────────────────────────────────────────────────────────",
        "GPU 0    RTX 4090     24.0     21.6        6         3     18.0 (75%)",
        "                            Memory in GB",
        "",
    ] == [line.rstrip() for line in shown("RTX 4090:24", model_memory_gb=6.0)[:10]]


def test_log_lines_are_never_wrapped() -> None:
    """A long name on a narrow terminal leaves the line whole, for those who search it."""
    name = "NVIDIA RTX PRO 6000 Blackwell Workstation Edition"

    assert f"[GPU 0] {name}, Total Memory: 96.00 GB" == shown(f"{name}:96", width=60)[0]


def test_free_memory_has_a_column_where_it_is_known() -> None:
    """For this machine's cards, not for described ones."""
    cards = [Gpu(0, "RTX 4090", 24, 20.5)]
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_plan(console, plan_workers(cards, PoolConfig(), 8), cards)

    assert "Free now" in console.file.getvalue()
    assert "20.5" in console.file.getvalue()


@pytest.mark.parametrize(
    ("specs", "pool", "expected"),
    [
        (
            ["2x RTX 4090:24"],
            {},
            [
                (
                    "GPU 0, GPU 1: more workers: model_memory_gb = 7.2 gives 3, "
                    "each with room for fewer takes at once."
                ),
                (
                    "GPU 0, GPU 1: batching first, processes second: model_memory_gb = 21.6 gives one worker "
                    "the whole card. Compare the two on your lines; several workers on a card want MPS."
                ),
            ],
        ),
        (
            ["RTX 3060:12"],
            {},
            [
                (
                    "GPU 0: more workers: model_memory_gb = 5.4 gives 2 with multiprocess = true, "
                    "each with room for fewer takes at once."
                ),
                "GPU 0: more takes at once: model_memory_gb = 10.8 gives the worker the whole card.",
            ],
        ),
        (
            ["RTX 3060:12"],
            {"model_memory_gb": 5.4},
            [
                "GPU 0: room for 2 workers; multiprocess = true uses it.",
                "GPU 0: more takes at once: model_memory_gb = 10.8 gives the worker the whole card.",
            ],
        ),
        (["RTX 3070:8"], {}, []),
    ],
)
def test_the_advice_fits_the_plan(specs: list[str], pool: dict[str, object], expected: list[str]) -> None:
    """Alike cards are advised together; a plan without room has its warning and no advice to grow."""
    given = list(advice(plan_workers(parse_gpu_specs(specs), PoolConfig(**pool), 8)))

    assert expected == given[:-1]
    assert given[-1].startswith("docs/hardware.md has settings card by card")


def test_without_a_card_the_advice_is_for_the_cpu() -> None:
    """Preview and fish differ there."""
    assert [
        "On a CPU, preview runs one worker a core; fish runs best as one worker with a large batch."
    ] == list(advice(plan_workers([], PoolConfig(), 8)))
