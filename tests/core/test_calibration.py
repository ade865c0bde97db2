"""From measured memory to a budget, and the edit of config.toml that sets it."""

from __future__ import annotations

import tomllib

import pytest

from fishd.core.config.edit import set_number, set_number_and_rewrite
from fishd.core.sizing.calibration import Level, Proposal, levels, propose


@pytest.mark.parametrize(("slots", "tried"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_slots_are_tried_by_doubling(slots: int, tried: list[int]) -> None:
    """Up to all of them."""
    assert tried == levels(slots)


@pytest.mark.parametrize(
    ("measured", "gb"),
    [
        ([Level(1, 4.0, 4.6), Level(4, 5.0, 5.5)], 5.8),  # NVML reports more than torch
        ([Level(1, 4.0), Level(4, 5.0)], 5.9),  # it reports nothing: an allowance for CUDA is added
    ],
)
def test_a_budget_is_the_highest_peak_with_a_margin(measured: list[Level], gb: float) -> None:
    """Rounded up to a tenth of a GB."""
    assert Proposal("model_memory_gb", gb) == propose(measured, on_gpu=True)


def test_on_a_cpu_a_limit_is_proposed() -> None:
    """Half as much again as was measured, as the limit is for workers that grow."""
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
def test_setting_a_number_changes_nothing_else(text: str, edited: str) -> None:
    """A key is replaced, added to its section, or added with a new section."""
    assert edited == set_number(text, "pool", "model_memory_gb", 6.5)


@pytest.mark.parametrize("text", ["pool = { model_memory_gb = 8.0 }\n", "[pool\n", "pool = 3\n"])
def test_a_text_that_cannot_be_edited_in_place_is_refused(text: str) -> None:
    """None is returned, never a wrong text."""
    assert set_number(text, "pool", "model_memory_gb", 6.5) is None


def test_any_valid_text_can_be_rewritten() -> None:
    """Its other values are kept."""
    text = set_number_and_rewrite(
        "pool = { model_memory_gb = 8.0, max_takes = 2 }\n", "pool", "model_memory_gb", 6.5
    )
    assert {"pool": {"model_memory_gb": 6.5, "max_takes": 2}} == tomllib.loads(text)
