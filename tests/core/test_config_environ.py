"""Environment variables override the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fishd.core.config.config import BadConfig, Config
from fishd.core.config.parse import parse_config


def config_of(text: str = "", **environ: str) -> Config:
    return parse_config(text, "/etc/config.toml", environ)


def faults_of(text: str = "", **environ: str) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        parse_config(text, "config.toml", environ)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("TRUE", True),
        ("1", True),
        ("false", False),
        ("0", False),
        ("auto", "auto"),
        ("Auto", "auto"),
    ],
)
def test_the_multiprocess_mode_overrides_the_file(text: str, value: object) -> None:
    """FISH_MULTIPROCESS_MODE accepts the spellings that are usual in a shell."""
    config = config_of("[pool]\nmultiprocess = true", FISH_MULTIPROCESS_MODE=text)

    assert value == config.pool.multiprocess


def test_the_model_memory_overrides_the_file() -> None:
    """FISH_MODEL_MEMORY_GB wins over pool.model_memory_gb."""
    assert 6.5 == config_of("[pool]\nmodel_memory_gb = 9", FISH_MODEL_MEMORY_GB="6.5").pool.model_memory_gb


def test_the_fish_name_wins_over_the_fishd_name() -> None:
    """If a key is set by both."""
    config = config_of("", FISH_MODEL_MEMORY_GB="6", FISHD_POOL_MODEL_MEMORY_GB="7")

    assert 6.0 == config.pool.model_memory_gb


def test_any_scalar_key_has_a_variable() -> None:
    """FISHD_<SECTION>_<KEY>, for numbers, strings, paths and choices."""
    config = config_of(
        "",
        FISHD_SPOOL_ROOT="jobs",
        FISHD_SPOOL_SETTLE_S="0.5",
        FISHD_POOL_CPU_WORKERS="3",
        FISHD_ENGINE_NAME="a.b:c",
        FISHD_LOG_LEVEL="debug",
    )

    assert (Path("/etc/jobs"), 0.5, 3, "a.b:c", "debug") == (
        config.spool.root,
        config.spool.settle_s,
        config.pool.cpu_workers,
        config.engine.name,
        config.log.level,
    )


def test_a_numeric_file_name_is_a_string() -> None:
    """A variable for a string is not read as a number."""
    assert Path("/etc/7") == config_of("", FISHD_LOG_FILE="7").log.file


def test_an_empty_variable_counts_as_unset_except_for_a_string() -> None:
    """`FISH_MODEL_MEMORY_GB=` changes nothing; `FISHD_LOG_FILE=` removes the file."""
    config = config_of('[log]\nfile = "x.log"', FISH_MODEL_MEMORY_GB="", FISHD_LOG_FILE="")

    assert (8.0, None) == (config.pool.model_memory_gb, config.log.file)


def test_a_variable_that_names_no_section_is_ignored() -> None:
    """It may belong to another program."""
    assert config_of() == config_of("", FISHD_HOME="/x", FISHD_POOLS_SIZE="3", FISHD_POOL="3")


def test_faults_of_variables_name_the_variable() -> None:
    """An invalid value, a misspelt key and a key that no variable can set."""
    assert [
        "FISHD_POOL_MAX_TAKE: is not a known key; did you mean max_takes?",
        "FISHD_POOL_WORKERS_PER_GPU: cannot be set by a variable; set pool.workers_per_gpu in the file",
        'FISH_MODEL_MEMORY_GB: is "lots"; must be a number of GB, 0.1 or more',
        'FISH_MULTIPROCESS_MODE: is "maybe"; must be true or false, or "auto"',
    ] == faults_of(
        "",
        FISH_MODEL_MEMORY_GB="lots",
        FISH_MULTIPROCESS_MODE="maybe",
        FISHD_POOL_MAX_TAKE="3",
        FISHD_POOL_WORKERS_PER_GPU="0=2",
    )


def test_faults_of_file_and_variables_are_reported_together() -> None:
    """The file's first."""
    assert ["config.toml:2: pool.max_takes", "FISHD_LOG_LEVEL"] == [
        fault.split(": is ")[0] for fault in faults_of("[pool]\nmax_takes = 0", FISHD_LOG_LEVEL="loud")
    ]
