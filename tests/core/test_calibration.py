"""From measured peaks to a budget, and from a budget into config.toml."""

from __future__ import annotations

import tomllib

import pytest

from fishd.core.config.edit import set_number, set_number_and_rewrite
from fishd.core.sizing.calibration import Level, Proposal, levels, propose


@pytest.mark.parametrize(("slots", "tried"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_slots_are_tried_by_doubling(slots: int, tried: list[int]) -> None:
    """And all of them in the end."""
    assert tried == levels(slots)


@pytest.mark.parametrize(
    ("measured", "gb"),
    [
        ([Level(1, 4.0, 4.6), Level(4, 5.0, 5.5)], 5.8),  # NVML sees more than torch
        ([Level(1, 4.0), Level(4, 5.0)], 5.9),  # it tells nothing: what CUDA holds beside is added
    ],
)
def test_a_budget_holds_the_highest_peak_with_a_little_to_spare(measured: list[Level], gb: float) -> None:
    """Upwards to a tenth."""
    assert Proposal("model_memory_gb", gb) == propose(measured, on_gpu=True)


def test_on_a_cpu_a_limit_is_proposed() -> None:
    """Half as much again as was seen: it is for what grows."""
    assert Proposal("cpu_memory_gb", 0.9) == propose([Level(1, 0.55)], on_gpu=False)


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("[pool]\nmodel_memory_gb = 8.0 # mine\n", "[pool]\nmodel_memory_gb = 6.5 # mine\n"),
        ("pool.model_memory_gb=8\n", "pool.model_memory_gb=6.5\n"),
        ("# a\n[pool]  # b\nmax_takes = 2\n", "# a\n[pool]  # b\nmodel_memory_gb = 6.5\nmax_takes = 2\n"),
        ("[log]\r\nlevel = 'info'\r\n", "[log]\r\nlevel = 'info'\r\n\r\n[pool]\r\nmodel_memory_gb = 6.5\r\n"),
        ("", "[pool]\nmodel_memory_gb = 6.5\n"),
        ("[log]", "[log]\n\n[pool]\nmodel_memory_gb = 6.5\n"),
    ],
)
def test_one_key_is_set_and_all_else_stays(text: str, edited: str) -> None:
    """Where it stands, in its section, or in a section of its own."""
    assert edited == set_number(text, "pool", "model_memory_gb", 6.5)


@pytest.mark.parametrize("text", ["pool = { model_memory_gb = 8.0 }\n", "[pool\n", "pool = 3\n"])
def test_what_cannot_be_edited_in_place_is_refused(text: str) -> None:
    """Rather than written wrongly."""
    assert set_number(text, "pool", "model_memory_gb", 6.5) is None


def test_any_good_text_can_be_written_anew() -> None:
    """Its comments are lost."""
    text = set_number_and_rewrite(
        "pool = { model_memory_gb = 8.0, max_takes = 2 }\n", "pool", "model_memory_gb", 6.5
    )
    assert {"pool": {"model_memory_gb": 6.5, "max_takes": 2}} == tomllib.loads(text)
